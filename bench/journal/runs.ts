import { type Result, whole } from '../result.ts'
import { backlogSize } from './backlog.ts'
import type { Servers } from './contender.ts'
import { level, type Peer, peerRows, peerTargets } from './peers.ts'
import { type Entry, takeRounds } from './rounds.ts'

const rounds = 5

const [normal, full] = ['Afterword, `normal`', 'Afterword, `full`'] as const
const own: readonly Entry[] = [
  { title: 'Afterword, in memory', name: 'jobs-memory', workload: 'run' },
  { title: normal, name: 'jobs-normal', workload: 'run' },
  { title: full, name: 'jobs-full', workload: 'run' },
]
const peers: readonly Peer[] = [
  { title: 'BullMQ, Redis `everysec`', name: 'bullmq-everysec', workload: 'run', like: normal, goal: 5 },
  { title: 'BullMQ, Redis `always`', name: 'bullmq-always', workload: 'run', like: full, goal: 5 },
  { title: 'pg-boss', name: 'pg-boss', workload: 'run', rounds: 2, duration: 2500, like: full },
  { title: 'pg-boss, tuned', name: 'pg-boss-tuned', workload: 'run', like: full },
  { title: 'pg-boss, tuned: a backlog', name: 'pg-boss-tuned', workload: 'backlog', like: full },
  { title: 'graphile-worker', name: 'graphile-worker', workload: 'run', like: full },
  { title: 'graphile-worker, tuned', name: 'graphile-worker-tuned', workload: 'run', like: full },
  {
    title: 'graphile-worker, tuned: a backlog',
    name: 'graphile-worker-tuned',
    workload: 'backlog',
    like: full,
    goal: 2,
  },
  { title: 'plainjob', name: 'plainjob', workload: 'run', like: normal, goal: 8 },
]

/** Measures the calls that are stored, run and finished in a second, in one process. */
export async function measureRuns(servers: Servers): Promise<Result> {
  const entries = [...own, ...peers]
  const samples = await takeRounds(servers, { entries, levels: [level], rounds, duration: 600 })
  return {
    title: 'Journal: accept, run and settle',
    columns: ['jobs/s', `${level} in flight`, 'CPU µs', 'Afterword, times (min–max)'],
    rows: peerRows(samples, entries, [level]),
    notes: [
      `Calls of a job that does nothing; the next one is made when one has run. Worker and caller are one process. BullMQ has a concurrency of ${level}, plainjob polls each 5 ms; pg-boss and graphile-worker are as they are, and tuned by batches, several workers and a local queue. A backlog of ${whole(backlogSize)} was stored before in one call, so that only running and settling are left: their calls would keep their workers waiting. Median of ${rounds} rounds of 0.6 s; of pg-boss, which looks for one job each two seconds, of 2 of 2.5 s.`,
    ],
    targets: peerTargets(samples, peers, 'jobs'),
  }
}
