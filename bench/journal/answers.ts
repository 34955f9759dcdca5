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
      'bare-again': { title: 'no job, a second server (A/A)', against: 'bare' },
      memory: { title: 'Afterword, a job in memory', against: 'bare' },
      normal: { title: 'Afterword, `normal`', against: 'bare', target: 0.9 },
      full: { title: 'Afterword, `full`', against: 'bare', target: 0.75 },
      express: { title: 'Express 5, no job', against: 'express' },
      'express-again': { title: 'Express 5, no job, a second server (A/A)', against: 'express' },
      'express-memory': { title: 'Express 5, Afterword, a job in memory', against: 'express' },
      'express-normal': { title: 'Express 5, Afterword, `normal`', against: 'express', target: 0.95 },
      'express-full': { title: 'Express 5, Afterword, `full`', against: 'express' },
      'bullmq-everysec': { title: 'BullMQ, Redis `everysec`', against: 'bare' },
      'bullmq-always': { title: 'BullMQ, Redis `always`', against: 'bare' },
      'pg-boss': { title: 'pg-boss', against: 'bare' },
      plainjob: { title: 'plainjob', against: 'bare' },
    },
    rounds: 21,
    connections: 64,
    shared: true,
    env: { BENCH_SERVERS: JSON.stringify(servers) },
    notes: [
      "`node:http`, or Express 5 where the name says so; each answer leaves when its job is stored. Afterword also runs and settles the jobs, in the same process; the others leave them in the queue, and the time of Redis and Postgres is not in the server's. All share the two cores with the client.",
    ],
  })
}
