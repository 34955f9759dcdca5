import { Miniflare } from 'miniflare'
import { cloudflareQueues } from '../../src/engines/cloudflare-queues.ts'
import { Afterword, type AfterwordOptions } from '../../src/index.ts'
import type { Store } from '../../src/testing/index.ts'

/** A batch, as the consumer in `workerd` hands it over. */
interface Delivered {
  readonly queue: string
  readonly messages: readonly { readonly id: string; readonly body: unknown; readonly attempts: number }[]
}

type Verdict = { ack: true } | { ack?: false; delaySeconds?: number }

/** Hands each batch over to this process, and tells the queue what that has said of each message. */
const consumer = `export default {
  async queue(batch, env) {
    const messages = batch.messages.map(({ id, body, attempts }) => ({ id, body, attempts }))
    const body = JSON.stringify({ queue: batch.queue, messages })
    const verdicts = await (await env.CONSUMER.fetch('http://consumer', { method: 'POST', body })).json()
    for (const message of batch.messages) {
      const { ack, ...options } = verdicts[message.id]
      if (ack) message.ack()
      else message.retry(options)
    }
  },
}`

/** Cloudflare's queues, as `workerd` simulates them. Instances in this process send to them, and take what their consumer is given. */
export class Queues implements Store {
  readonly #miniflare: Miniflare
  #settings: Parameters<typeof cloudflareQueues>[0] | undefined
  readonly #workers: Working[] = []
  #wake: () => void = () => {}
  #removed = false

  constructor() {
    this.#miniflare = new Miniflare({
      modules: true,
      script: consumer,
      compatibilityDate: '2026-07-01',
      queueProducers: { JOBS: { queueName: 'jobs' }, DEAD: { queueName: 'dead' } },
      queueConsumers: { jobs: { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 10 } },
      serviceBindings: {
        CONSUMER: async (request: { json(): Promise<unknown> }) =>
          Response.json(await this.#consume((await request.json()) as Delivered)) as never,
      },
    })
  }

  static async open(): Promise<Queues> {
    const queues = new Queues()
    const queue = await queues.#miniflare.getQueueProducer('JOBS')
    const deadLetterQueue = await queues.#miniflare.getQueueProducer('DEAD')
    queues.#settings = { queue, deadLetterQueue } as Parameters<typeof cloudflareQueues>[0]
    return queues
  }

  start(options: AfterwordOptions = {}): Afterword {
    const engine = cloudflareQueues(this.#settings as Parameters<typeof cloudflareQueues>[0])
    const instance = new Working({ engine, signals: false, ...options })
    instance.onWork = () => {
      this.#workers.push(instance)
      this.#wake()
    }
    if (options.worker !== false) instance.onWork()
    return instance
  }

  /** Hands a batch to the instance whose turn it is, as soon as there is one. */
  async #consume({ queue, messages }: Delivered): Promise<Record<string, Verdict>> {
    let instance: Working | undefined
    while ((instance = this.#next()) === undefined && !this.#removed)
      await new Promise<void>((wake) => (this.#wake = wake))
    const verdicts = Object.fromEntries(messages.map(({ id }) => [id, {} as Verdict]))
    const delivered = messages.map((message) => ({
      ...message,
      ack: () => void (verdicts[message.id] = { ack: true }),
      retry: (options = {}) => void (verdicts[message.id] = options),
    }))
    await instance?.queue({ queue, messages: delivered })
    return verdicts
  }

  #next(): Working | undefined {
    for (let n = this.#workers.length; n > 0; n--) {
      const instance = this.#workers.shift() as Working
      if (instance.isClosed) continue
      this.#workers.push(instance)
      return instance
    }
    return undefined
  }

  async remove(): Promise<void> {
    this.#removed = true
    this.#wake()
    await this.#miniflare.dispose()
  }
}

/** An instance that tells whether it takes batches. */
class Working extends Afterword {
  onWork: () => void = () => {}
  isClosed = false

  override work(options?: Parameters<Afterword['work']>[0]): ReturnType<Afterword['work']> {
    const worker = super.work(options)
    this.onWork()
    return worker
  }

  override close(): Promise<void> {
    this.isClosed = true
    return super.close()
  }
}
