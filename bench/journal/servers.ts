import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresUrl, startPostgres } from '../../test/support/postgres.ts'
import { startRedis } from '../../test/support/redis.ts'
import type { Servers } from './contender.ts'

/** Starts what the contenders need; all of it ends, and is removed, with what is returned. */
export async function openServers(): Promise<Servers & AsyncDisposable> {
  await using opening = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'afterword-bench-'))
  opening.defer(() => rm(folder, { recursive: true, force: true }))
  const everysec = opening.use(await startRedis({ appendfsync: 'everysec' }))
  const always = opening.use(await startRedis({ appendfsync: 'always' }))
  const postgres = opening.use(await startPostgres())
  const all = opening.move()
  return {
    folder,
    everysec: everysec.port,
    always: always.port,
    postgres: postgresUrl(postgres),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
