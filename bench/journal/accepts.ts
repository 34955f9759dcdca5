import type { Result } from '../result.ts'
import type { Servers } from './contender.ts'
import { level, type Peer, peerRows, peerTargets } from './peers.ts'
import { type Entry, takeRounds } from './rounds.ts'

const levels = [1, 16, level]
const rounds = 5

const [normal, full] = ["Afterword's journal, `normal`", "Afterword's journal, `full`"] as const
const own: readonly Entry[] = [
  { title: normal, name: 'journal-normal', workload: 'accept' },
  { title: full, name: 'journal-full', workload: 'accept' },
  { title: '`job.dispatch()`, `normal`', name: 'jobs-normal', workload: 'accept' },
  { title: '`job.dispatch()`, `full`', name: 'jobs-full', workload: 'accept' },
]
const peers: readonly Peer[] = [
  { title: 'a bare log with `fdatasync`', name: 'bare-log', workload: 'accept', like: full },
  { title: 'BullMQ, Redis `everysec`', name: 'bullmq-everysec', workload: 'accept', like: normal, goal: 4 },
  { title: 'BullMQ, Redis `always`', name: 'bullmq-always', workload: 'accept', like: full, goal: 4 },
  { title: 'pg-boss', name: 'pg-boss', workload: 'accept', like: full, goal: 80 },
  { title: 'graphile-worker', name: 'graphile-worker', workload: 'accept', like: full },
  { title: 'plainjob', name: 'plainjob', workload: 'accept', like: normal, goal: 3 },
]

/** Measures the calls that are stored in a second, each waited for, and none run. */
export async function measureAccepts(servers: Servers): Promise<Result> {
  const entries = [...own, ...peers]
  const samples = await takeRounds(servers, { entries, levels, rounds, duration: 400 })
  return {
    title: 'Journal: accept',
    columns: ['accepted/s', ...levels.map((level) => `${level} in flight`), 'CPU µs', 'Afterword, times (min–max)'],
    rows: peerRows(samples, entries, levels),
    notes: [
      `One call at a time is added, awaited, by each of those in flight: \`add\` of BullMQ and plainjob, \`send\` of pg-boss, \`addJob\` of graphile-worker. Compared with ${level} in flight, each with what promises as much: \`normal\` with what survives the process, \`full\` with what is synced. CPU: of the calling thread, for each call. Median of ${rounds} rounds of 0.4 s.`,
    ],
    targets: peerTargets(samples, peers, 'accepted calls'),
  }
}
