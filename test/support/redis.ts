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
