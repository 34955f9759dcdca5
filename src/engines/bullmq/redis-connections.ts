import type { MakeClient, RedisClient } from './redis.ts'

/** The listener of the connections. */
interface ConnectionWatch {
  away(error: unknown): void
  reached(): void
}

/** The pause in ms before a connection is tried again. */
const retryStrategy = (times: number) => Math.min(50 * times, 1000)

/** A command fails at once where there is no connection: its caller tries again, and knows how long. */
const failsFast = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // A connection that is half open fails no command by itself.
  socketTimeout: 5000,
}

/**
 * A command waits for the connection: BullMQ's workers ask for that. They block a connection like it for up to ten seconds, which is no
 * sign of one that is half open.
 */
const waits = { enableOfflineQueue: true, maxRetriesPerRequest: null, socketTimeout: 15_000 }

/** The two connections of a client of BullMQ. Each worker has one more, made by BullMQ. */
export class RedisConnections {
  /** The connection for what has a caller that waits. */
  readonly commands: RedisClient
  /** The connection of the workers. */
  readonly working: RedisClient
  readonly #watch: ConnectionWatch
  /** The reason why there is no connection, once one could not be made, or has ended. */
  #trouble: Error | undefined
  /** The watch knows. One of the two may come back before the other, which is no reason to tell it again. */
  #isTold = false
  /** Resolves when the first connection is made, or can't be. */
  readonly #tried = Promise.withResolvers<void>()

  constructor(make: MakeClient, watch: ConnectionWatch) {
    this.#watch = watch
    const common = { retryStrategy, lazyConnect: false, enableReadyCheck: true }
    this.commands = make({ ...common, ...failsFast })
    this.working = make({ ...common, ...waits })
    for (const client of [this.commands, this.working]) {
      client.on('error', this.#onError)
      client.on('close', this.#onClose)
      client.on('ready', this.#onReady)
    }
  }

  /** Resolves when commands can be sent. @throws Error the reason why they can't, at once unless the first connection is being made */
  async ready(): Promise<void> {
    if (this.#trouble === undefined) await this.#tried.promise
    if (this.commands.status !== 'ready') throw this.#trouble ?? new Error('there is no connection')
  }

  get areReady(): boolean {
    return this.commands.status === 'ready' && this.working.status === 'ready'
  }

  close(): void {
    this.commands.disconnect()
    this.working.disconnect()
  }

  // Without a listener ioredis would print each error.
  readonly #onError = (error: Error): void => {
    this.#trouble = error
    this.#tried.resolve()
    if (this.#isTold) return
    this.#isTold = true
    this.#watch.away(error)
  }

  readonly #onClose = (): void => {
    this.#trouble ??= new Error('the connection was closed')
    this.#tried.resolve()
  }

  readonly #onReady = (): void => {
    if (this.commands.status === 'ready') this.#tried.resolve()
    if (!this.areReady) return
    this.#trouble = undefined
    this.#isTold = false
    this.#watch.reached()
  }
}
