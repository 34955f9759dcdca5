/** The part of an ioredis client that is used. */
export interface RedisClient {
  readonly status: string
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'ready' | 'close', listener: () => void): unknown
  connect(): Promise<unknown>
  disconnect(): void
  get(key: string): Promise<string | null>
  hmget(key: string, ...fields: string[]): Promise<(string | null)[]>
  zscore(key: string, member: string): Promise<string | null>
  eval(script: string, keys: number, ...values: (string | number)[]): Promise<unknown>
  scanStream(options: { match: string; count: number }): AsyncIterable<string[]>
}

/**
 * A client of the app's own, whose settings are taken: connections are made like it, and it stays as it is. A `Redis` of ioredis is one.
 *
 * @example
 * const redis: GivenClient = new Redis(process.env.REDIS_URL, { tls: {} })
 */
export interface GivenClient {
  readonly options: { readonly keyPrefix?: string | undefined }
  duplicate(options: object): unknown
}

/**
 * The options of a connection: those of ioredis, or its `url` with them.
 *
 * @example
 * const connection: RedisOptions = { host: 'redis.internal', port: 6379, tls: {} }
 */
export interface RedisOptions {
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly [option: string]: unknown
}

/** The place of a Redis: its URL, the options of ioredis, or a client of it. */
export type RedisPlace = string | RedisOptions | GivenClient

/** Makes a client. @param options override those of the place */
export type MakeClient = (options: object) => RedisClient

/** The part of the package ioredis that is used. */
export interface RedisPackage {
  Redis: {
    new (url: string, options: object): RedisClient
    new (options: object): RedisClient
  }
}
