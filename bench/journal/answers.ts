import { compare } from '../load/comparison.ts'
import type { Result } from '../result.ts'
import type { Servers } from './contender.ts'

/** Servers that keep one job for each answer, before it leaves. */
export function measureAnswers(servers: Servers): Promise<Result> {
  return compare({
    title: 'Journal: requests',
    server: new URL('server.ts', import.meta.url),
    variants: {
      bare: { title: 'no job', against: 'bare' },
      memory: { title: 'Afterword, a job in memory', against: 'bare' },
      normal: { title: 'Afterword, `normal`', against: 'bare', target: 0.9 },
      full: { title: 'Afterword, `full`', against: 'bare', target: 0.75 },
      'bullmq-everysec': { title: 'BullMQ, Redis `everysec`', against: 'bare' },
      'bullmq-always': { title: 'BullMQ, Redis `always`', against: 'bare' },
      'pg-boss': { title: 'pg-boss', against: 'bare' },
      plainjob: { title: 'plainjob', against: 'bare' },
    },
    rounds: 20,
    connections: 64,
    shared: true,
    env: { BENCH_SERVERS: JSON.stringify(servers) },
    notes: [
      "`node:http`; each answer leaves when its job is stored. Afterword also runs and settles the jobs, in the same process; the others leave them in the queue, and the time of Redis and Postgres is not in the server's. All share the two cores with the client.",
    ],
  })
}
