import { clock } from '../../clock.ts'
import { rootContext } from '../../schedule/current.ts'
import type { EngineCall, EngineClient, EngineHost, EngineWork } from '../engine.ts'
import { digest, queueName, queuesOf } from '../queue-name.ts'
import { isUuid, storedCall } from '../stored-call.ts'
import { UnworkedQueues } from '../unworked-queues.ts'
import type { BullJob, BullPackage, BullQueue, NewJob } from './bull.ts'
import { BullWorkers } from './bull-workers.ts'
import type { MakeClient } from './redis.ts'
import { RedisConnections } from './redis-connections.ts'
import { holderOf, isIdle, removeCall } from './redis-scripts.ts'

/** The most characters of arguments that go in one message to Redis: all of it is one text on its way. */
const mostAtOnce = 8 * 1024 * 1024

interface BullClientOptions {
  readonly bull: BullPackage
  readonly makeClient: MakeClient
  readonly prefix: string
}

/** The client of BullMQ. */
export class BullClient implements EngineClient {
  readonly #options: BullClientOptions
  #connections: RedisConnections | undefined
  #workers: BullWorkers | undefined
  #unworked: UnworkedQueues | undefined
  readonly #queues = new Map<string, BullQueue>()

  constructor(options: BullClientOptions) {
    this.#options = options
  }

  open(host: EngineHost): void {
    const { bull, prefix, makeClient } = this.#options
    // Connections are no code of the request in which the first call is made.
    const connections = rootContext.runInAsyncScope(() => new RedisConnections(makeClient, host))
    this.#connections = connections
    this.#workers = new BullWorkers({ bull, connections, prefix, host })
    this.#unworked = new UnworkedQueues({
      host,
      isIdle: (queue, time) => isIdle(connections.commands, this.#queue(queue), clock.date() - time),
    })
  }

  async add(calls: readonly EngineCall[]): Promise<readonly string[]> {
    await this.#connections?.ready()
    const ids = new Map<EngineCall, string>()
    const groups = Map.groupBy(calls, ({ job, version }) => queueName(job, version))
    await Promise.all(Array.from(groups, ([queue, group]) => this.#addTo(this.#queue(queue), group, ids)))
    return calls.map((call) => ids.get(call) as string)
  }

  async #addTo(queue: BullQueue, calls: readonly EngineCall[], ids: Map<EngineCall, string>): Promise<void> {
    for (const part of parts(calls)) {
      // The id is that of the call with the same key, if there is one. A second call with the same id adds nothing.
      const jobs = await addTo(queue, part.map(jobOf))
      for (const [index, call] of part.entries()) ids.set(call, jobs[index]?.id as string)
    }
    this.#unworked?.filled(queue.name, calls[0]?.job as string)
  }

  #queue(name: string): BullQueue {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const { bull, prefix } = this.#options
    // Whatever waits for the connection, or asks by it, would wait for ever while Redis is away, and fail for ever after.
    const failsFast = { skipWaitingForReady: true, skipVersionCheck: true }
    const options = { connection: this.#connections?.commands as never, prefix, ...failsFast }
    const queue = rootContext.runInAsyncScope(() => new bull.Queue(name, options))
    queue.on('error', () => {})
    this.#queues.set(name, queue)
    return queue
  }

  work(work: EngineWork): void {
    if (work.concurrency > 0) this.#unworked?.worked(queuesOf(work.jobs))
    this.#workers?.work(work)
  }

  async withdraw(of: string | { readonly key: string }, jobs: EngineWork['jobs']): Promise<boolean> {
    // Other engines, and journals, have other ids.
    if (typeof of === 'string' && !isUuid(of)) return false
    const connections = this.#connections
    if (connections === undefined) return false
    await connections.ready()
    for (const name of queuesOf(jobs)) {
      const queue = this.#queue(name)
      const id = typeof of === 'string' ? of : await holderOf(connections.commands, queue, digest(of.key))
      if (id !== null && (await removeCall(connections.commands, queue, id))) return true
    }
    return false
  }

  async close(time: number): Promise<void> {
    this.#unworked?.close()
    await this.#workers?.close(time)
    await Promise.all(Array.from(this.#queues.values(), (queue) => queue.close().catch(() => {})))
    this.#connections?.close()
  }
}

/** A single job takes one command; `addBulk` is a transaction of Redis, with two commands more. */
async function addTo(queue: BullQueue, jobs: NewJob[]): Promise<readonly BullJob[]> {
  const [first, ...more] = jobs
  if (first === undefined || more.length > 0) return queue.addBulk(jobs)
  return [await queue.add(first.name, first.data, first.opts)]
}

function jobOf(call: EngineCall): NewJob {
  const { id, job, uniqueKey, delay } = call
  return {
    name: job,
    data: storedCall(call),
    opts: {
      jobId: id,
      ...(delay > 0 && { delay }),
      ...(uniqueKey !== undefined && { deduplication: { id: digest(uniqueKey) } }),
    },
  }
}

/** Divides calls into parts, each of which fits into one message. */
function* parts(calls: readonly EngineCall[]): Generator<EngineCall[]> {
  let part: EngineCall[] = []
  let size = 0
  for (const call of calls) {
    if (part.length > 0 && size + call.args.length > mostAtOnce) {
      yield part
      part = []
      size = 0
    }
    part.push(call)
    size += call.args.length
  }
  yield part
}
