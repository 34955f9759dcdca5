import { bounds, type Histogram } from '../schedule/histogram.ts'
import type { Reading } from './reading.ts'

/** A value of a family of metrics, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** The name of a part of a histogram. */
  readonly metricName?: string
}

/** A family has the metrics of one name, as Prometheus knows them: times in seconds, names that end in their unit. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  /** Makes one number of those of several processes, in a cluster of prom-client. */
  readonly aggregator: 'sum' | 'max'
  samples(reading: Reading): Sample[]
}

const states = {
  unsent: 'unsent',
  due: 'backlog',
  running: 'running',
  retrying: 'retrying',
  delayed: 'delayed',
} as const
const outcomes = { done: 'done', failed: 'failed', 'timed-out': 'timedOut', cancelled: 'cancelled' } as const
const keptStates = ['due', 'later', 'queued', 'failed'] as const

const seconds = (ms: number) => ms / 1000
const one = (value: number): Sample[] => [{ labels: {}, value }]

/** All families, in the order in which they are written. */
export const families: readonly Family[] = [
  gauge('tasks', 'Unfinished tasks in the memory of this process, by state.', ({ tasks }) =>
    tasks.flatMap((counts) =>
      Object.entries(states).map(([state, property]) => ({
        labels: { task: counts.name, state },
        value: counts[property],
      })),
    ),
  ),
  highest('oldest_due_age_seconds', 'The time for which the oldest task that is due has been so.', ({ status }) =>
    one(seconds(status.oldestAge)),
  ),
  highest(
    'task_oldest_due_age_seconds',
    'The time for which the oldest task of that name that is due has been so.',
    ({ tasks }) => tasks.map(({ name, oldestAge }) => ({ labels: { task: name }, value: seconds(oldestAge) })),
  ),
  gauge('requests_in_flight', 'Requests that have deferred something and whose response was not sent yet.', (reading) =>
    one(reading.status.inFlight),
  ),
  gauge('held_responses', 'Responses whose bytes wait, for their records or for room.', ({ status }) => [
    { labels: { for: 'records' }, value: status.heldForRecords },
    { labels: { for: 'room' }, value: status.held - status.heldForRecords },
  ]),
  highest(
    'journal_lag_seconds',
    'The time for which the oldest change of a record has waited to be stored.',
    (reading) => one(seconds(reading.status.journalLag)),
  ),
  highest('engine_away_seconds', 'The time since the engine was found away.', ({ status }) =>
    one(seconds(status.engineAway)),
  ),
  gauge('engine_sending', 'Calls of jobs on their way to the engine.', ({ status }) => one(status.sending)),
  highest('paused', 'Jobs that are paused.', ({ status: { paused } }) =>
    paused.map((job) => ({ labels: { task: job }, value: 1 })),
  ),
  highest('kept_records', 'Records of the journal that no process has in its memory, by state.', ({ kept = [] }) =>
    kept.flatMap((counts) =>
      keptStates.map((state) => ({ labels: { task: counts.job, state }, value: counts[state] })),
    ),
  ),
  highest(
    'kept_oldest_due_age_seconds',
    'The time for which the oldest record that is due and that no process has in its memory has been so.',
    ({ kept }) => (kept === undefined ? [] : one(seconds(Math.max(0, ...kept.map(({ oldestAge }) => oldestAge))))),
  ),
  highest('event_loop_delay_seconds', 'The delay of the event loop since the last reading.', ({ loopDelay }) => {
    if (loopDelay === undefined) return []
    const { p50, p99, max } = loopDelay
    return Object.entries({ 0.5: p50, 0.99: p99, 1: max }).map(([quantile, delay]) => ({
      labels: { quantile },
      value: seconds(delay),
    }))
  }),
  counter('outcomes_total', 'Outcomes of tasks since the process began.', ({ status }) =>
    Object.entries(outcomes).map(([outcome, property]) => ({ labels: { outcome }, value: status[property] })),
  ),
  counter('responses_before_total', 'Responses that waited for their tasks.', ({ status }) => one(status.before)),
  counter('task_outcomes_total', 'Outcomes by task, since the metrics began.', ({ measured }) =>
    measured.flatMap((task) =>
      Object.entries(outcomes).map(([outcome, property]) => ({
        labels: { task: task.name, outcome },
        value: task[property],
      })),
    ),
  ),
  counter('attempts_total', 'Attempts that have begun, since the metrics began.', ({ measured }) =>
    measured.map(({ name, attempts }) => ({ labels: { task: name }, value: attempts })),
  ),
  counter('retries_total', 'Attempts that failed and that another one follows.', ({ measured }) =>
    measured.map(({ name, retries }) => ({ labels: { task: name }, value: retries })),
  ),
  histogram('wait_seconds', 'The time from which each attempt could have begun until it began.', 'wait'),
  histogram('run_seconds', 'The time of each attempt.', 'run'),
]

function gauge(name: string, help: string, samples: Family['samples']): Family {
  return { name: `afterword_${name}`, help, type: 'gauge', aggregator: 'sum', samples }
}

/** Processes that are added up would tell of an age that no task has, or count the records of one folder twice. */
function highest(name: string, help: string, samples: Family['samples']): Family {
  return { ...gauge(name, help, samples), aggregator: 'max' }
}

function counter(name: string, help: string, samples: Family['samples']): Family {
  return { name: `afterword_${name}`, help, type: 'counter', aggregator: 'sum', samples }
}

function histogram(short: string, help: string, of: 'wait' | 'run'): Family {
  const name = `afterword_${short}`
  const samples = ({ measured }: Reading) =>
    measured.flatMap((task) => histogramSamples(name, { task: task.name }, task[of]))
  return { name, help, type: 'histogram', aggregator: 'sum', samples }
}

/** The buckets of Prometheus have all times up to their bound. */
function histogramSamples(name: string, labels: Sample['labels'], { counts, count, sum }: Histogram): Sample[] {
  let below = 0
  const buckets = [...bounds, Infinity].map((bound, index) => {
    below += counts[index] ?? 0
    const le = bound === Infinity ? '+Inf' : String(seconds(bound))
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: seconds(sum) },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
