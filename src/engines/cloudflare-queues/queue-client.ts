import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import { within } from '../../timers.ts'
import type { EngineCall, EngineClient, EngineHost, EngineWork } from '../engine.ts'
import { Invocation } from './invocation.ts'
import { outgoing } from './message-body.ts'
import { type MessageBatch, type Queue, sendBatch } from './queue.ts'

/** The queues of an engine, and the time that an invocation of its consumer has. */
export interface QueueSettings {
  readonly queue: Queue
  readonly deadLetterQueue: Queue | undefined
  readonly limit: number
  readonly holdTimeout: number
}

/** The client of Cloudflare Queues. */
export class QueueClient implements EngineClient {
  readonly #settings: QueueSettings
  readonly #running = new Set<Promise<void>>()
  /** The jobs that were reported as unknown. */
  readonly #unknown = new Set<string>()
  #host: EngineHost | undefined
  #work: EngineWork = { jobs: [], concurrency: 0 }

  constructor(settings: QueueSettings) {
    this.#settings = settings
  }

  open(host: EngineHost): void {
    this.#host = host
  }

  /** Adds calls that fit into one batch: the sender divides them. */
  async add(calls: readonly EngineCall[]): Promise<readonly string[]> {
    await sendBatch(
      this.#settings.queue,
      calls.map((call) => outgoing(call)),
    )
    return calls.map(({ id }) => id)
  }

  work(work: EngineWork): void {
    this.#work = work
  }

  async consume(batch: object, context: object | undefined): Promise<void> {
    const invocation = new Invocation({
      ...this.#settings,
      host: this.#host as EngineHost,
      work: this.#work,
      context,
      unknown: (job, version) => this.#reportUnknown(job, version),
    })
    const run = invocation.run(batch as MessageBatch)
    this.#running.add(run)
    await run.finally(() => this.#running.delete(run))
  }

  #reportUnknown(job: string, version: number): void {
    const what = `${job}/${version}`
    if (this.#unknown.has(what)) return
    this.#unknown.add(what)
    report(new AfterwordError('AFTERWORD_UNKNOWN_JOB', [job, version]))
  }

  async close(time: number): Promise<void> {
    await within(time, Promise.all(this.#running))
  }
}
