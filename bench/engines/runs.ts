import { type Result, type Target, whole } from '../result.ts'
import type { Name } from './contenders.ts'
import { type Entry, ratioText, type Samples, takeRounds } from './rounds.ts'
import { engines, type Servers, titles } from './servers.ts'

const rounds = 5
const concurrency = 64
const inFlight = 128
const duration = 800
const backlog = 10_000
const least = 0.9

const names = ['hand', 'engine', 'journal'] as const satisfies readonly Name[]

/** Measures the calls that run from end to end in a second. */
export async function measureRuns(servers: Servers): Promise<Result> {
  const entries = engines.flatMap((engine) => names.map((name): Entry => ({ engine, name })))
  const run = await takeRounds<number>(servers, {
    entries,
    rounds,
    question: { do: 'run', inFlight, concurrency, duration },
    value: (perSecond) => perSecond,
  })
  const drained = entries.filter(({ name }) => name !== 'journal')
  const drain = await takeRounds<number>(servers, {
    entries: drained,
    rounds,
    question: { do: 'drain', calls: backlog, concurrency },
    value: (perSecond) => perSecond,
  })
  const cells = (samples: Samples, entry: Entry) => {
    if (samples.of(entry).length === 0) return ['–', '–']
    const ratio = entry.name === 'hand' ? '1' : ratioText(samples.ratio(entry, handOf(entry)))
    return [whole(samples.median(entry)), ratio]
  }
  const target = (what: string, samples: Samples, entry: Entry): Target => {
    const { median } = samples.ratio(entry, handOf(entry))
    const reached = median >= least
    return {
      what: `${what}: at least ${least}× ${titles[entry.engine]} by hand`,
      measured: `${median.toFixed(2)}×`,
      reached,
    }
  }
  return {
    title: 'Engines: jobs from end to end',
    columns: ['no-op jobs/s', 'added and run', 'ratio (min–max)', 'a backlog', 'ratio (min–max)'],
    rows: entries.map((entry) => [titleOf(entry), ...cells(run, entry), ...cells(drain, entry)]),
    notes: [
      `Worker and caller are one process, ${concurrency} jobs at once, ${inFlight} calls in flight: the next one is made when one has run. A backlog of ${whole(backlog)} is in the engine before. Median of ${rounds} rounds.`,
      'By hand, the engine is made as safe as Afterword makes it. BullMQ: an id of its own for each call, `attempts` and `backoff`, a lock of 10 s, a look for dead workers each second, `maxStalledCount` without an end, the same retention. pg-boss: an id of its own for each call, retries with backoff, a heartbeat of 10 s, a look for dead workers each second, LISTEN/NOTIFY, the same retention, an end of its own for each job of a batch (`perJobResults`), and four workers with batches of a quarter of the jobs, for a worker with batches of one runs one job in half a second. The ends of a batch are stored with its last one, which Afterword does not wait for, and nobody counts crashes apart: by hand it is still a little less.',
    ],
    targets: engines.flatMap((engine) => [
      target('Afterword on the engine, added and run', run, { engine, name: 'engine' }),
      target('Afterword behind a journal, added and run', run, { engine, name: 'journal' }),
      target('Afterword on the engine, a backlog', drain, { engine, name: 'engine' }),
    ]),
  }
}

const handOf = ({ engine }: Entry): Entry => ({ engine, name: 'hand' })

function titleOf({ engine, name }: Entry): string {
  const titles_: Partial<Record<Name, string>> = {
    hand: 'by hand',
    engine: 'Afterword',
    journal: 'Afterword behind a journal',
  }
  return `${titles[engine]}: ${titles_[name]}`
}
