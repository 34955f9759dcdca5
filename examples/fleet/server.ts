import { postgresUrl, startPostgres } from '../../test/support/postgres.ts'
import { redisUrl, startRedis } from '../../test/support/redis.ts'

/** A server that an engine keeps its calls on. */
export interface Server extends AsyncDisposable {
  readonly name: string
  readonly url: string
  kill(): Promise<void>
  restart(): Promise<void>
}

/** The servers of the engines: programs of this machine, on a free port, with their data in a folder of their own. */
export const servers: Readonly<Record<string, () => Promise<Server>>> = {
  'pg-boss': async () => {
    const postgres = await startPostgres()
    return served('Postgres', postgresUrl(postgres), postgres)
  },
  bullmq: async () => {
    const redis = await startRedis({ appendfsync: 'always' })
    return served('Redis', redisUrl(redis), redis)
  },
}

function served(name: string, url: string, daemon: Omit<Server, 'name' | 'url'>): Server {
  return {
    name,
    url,
    kill: () => daemon.kill(),
    restart: () => daemon.restart(),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}
