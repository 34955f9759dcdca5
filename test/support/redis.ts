import { Daemon } from './daemon.ts'

export interface RedisOptions {
  /** The moments at which Redis syncs its log. */
  readonly appendfsync: 'everysec' | 'always'
}

/** A Redis of its own, with an append-only log. */
export function startRedis({ appendfsync }: RedisOptions): Promise<Daemon> {
  return Daemon.start({
    command: 'redis-server',
    args: (port, dir) =>
      Object.entries({ port, bind: '127.0.0.1', dir, save: '', appendonly: 'yes', appendfsync }).flatMap(
        ([name, value]) => [`--${name}`, String(value)],
      ),
    ready: /Ready to accept connections/,
    missing: 'On Debian: apt-get install redis-server',
    stop: 'SIGKILL',
  })
}

/** A Redis for tests that let it live: that of `AFTERWORD_TEST_REDIS_URL`, or one of its own. */
export async function testRedis(): Promise<{ readonly url: string } & AsyncDisposable> {
  const url = process.env.AFTERWORD_TEST_REDIS_URL
  if (url) return { url, async [Symbol.asyncDispose]() {} }
  const daemon = await startRedis({ appendfsync: 'everysec' })
  return { url: redisUrl(daemon), [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() }
}

export function redisUrl({ port }: Pick<Daemon, 'port'>): string {
  return `redis://127.0.0.1:${port}`
}
