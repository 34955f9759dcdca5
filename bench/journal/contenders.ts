import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender, Servers, Work, Workload } from './contender.ts'

// Loaded as an application would: nothing that the contender does not use.
const contenders = {
  'bare-log': async () => (await import('./contenders/bare-log.ts')).bareLog,
  'journal-normal': async () => (await import('./afterword.ts')).bareJournal('normal'),
  'journal-full': async () => (await import('./afterword.ts')).bareJournal('full'),
  'jobs-memory': async () => (await import('./contenders/jobs.ts')).jobs(),
  'jobs-normal': async () => (await import('./contenders/jobs.ts')).jobs('normal'),
  'jobs-full': async () => (await import('./contenders/jobs.ts')).jobs('full'),
  'bullmq-everysec': async () => (await import('./contenders/bullmq.ts')).bullmq('everysec'),
  'bullmq-always': async () => (await import('./contenders/bullmq.ts')).bullmq('always'),
  'pg-boss': async () => (await import('./contenders/pg-boss.ts')).pgBoss(),
  'pg-boss-tuned': async () => (await import('./contenders/pg-boss.ts')).pgBoss('tuned'),
  'graphile-worker': async () => (await import('./contenders/graphile-worker.ts')).graphileWorker(),
  'graphile-worker-tuned': async () => (await import('./contenders/graphile-worker.ts')).graphileWorker('tuned'),
  plainjob: async () => (await import('./contenders/plainjob.ts')).plainjob,
} satisfies Record<string, () => Promise<Contender>>
export type Name = keyof typeof contenders

/** Starts a contender in this process. */
export async function start(name: Name, workload: Workload, servers: Servers): Promise<Work | undefined> {
  const contender: Contender = await contenders[name]()
  const folder = mkdtempSync(join(servers.folder, `${name}-${workload}-`))
  return contender[workload]?.({ ...servers, folder, name: `bench_${process.pid}` })
}
