import type { LogQueue } from './log-queue.ts'
import type { WriteQueue } from './write-queue.ts'

/** A flush stores all changes so far. It resolves when they are stored. */
export async function flush(log: LogQueue | undefined, queues: readonly WriteQueue[]): Promise<void> {
  await write(log)
  await Promise.all(queues.map((queue) => queue.flushed()))
  // The log notes what has moved: what is changed in a database from now on, no recovery of the log undoes.
  await write(log)
}

/** Writes what a log has gathered, however long the disk takes no write: changes that wait for the sync of earlier records follow it. */
async function write(log: LogQueue | undefined): Promise<void> {
  log?.flush()
  await log?.settled()
  log?.flush()
  await log?.written()
}
