import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender, Ground, Way, Work } from './contender.ts'

// Loaded as an application would: nothing that the contender does not use.
const lineUp = {
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
export type Name = keyof typeof lineUp

/** Starts a contender in this process. */
export async function enter(name: Name, way: Way, ground: Ground): Promise<Work | undefined> {
  const contender: Contender = await lineUp[name]()
  const folder = mkdtempSync(join(ground.folder, `${name}-${way}-`))
  return contender[way]?.({ ...ground, folder, name: `bench_${process.pid}` })
}
