import { clock } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { EngineHost, EngineWork } from '../engine.ts'
import { DeliveredCall } from './delivered-call.ts'
import { deadLetter, type MessageBody, outgoing, readCall } from './message-body.ts'
import { sendMessages } from './message-sender.ts'
import { type Message, type MessageBatch, type Outgoing, type Queue, sendBatch } from './queue.ts'

/** The longest time in ms between two tries of a call whose job is not known here. */
const longestWait = 300_000

interface InvocationOptions {
  readonly queue: Queue
  readonly deadLetterQueue: Queue | undefined
  /** The time in ms after which runs are ended. */
  readonly limit: number
  /** The longest time in ms for what is sent at the end. */
  readonly holdTimeout: number
  readonly host: EngineHost
  readonly work: EngineWork
  readonly context: { waitUntil?(work: Promise<unknown>): void } | undefined
  /** Called with each call whose job is not known here. */
  unknown(job: string, version: number): void
}

/** A message that takes the place of another one. */
interface Replacement extends Outgoing {
  readonly message: Message
}

/**
 * An invocation of the consumer: runs the calls of one batch, and then tells the queue what became of each message. A call that is to run again
 * becomes a new message: that can carry the number of its attempts, and its deliveries count from 1, so that those of a message count crashes.
 */
export class Invocation {
  readonly #options: InvocationOptions
  readonly #deadline: number
  readonly #over = Promise.withResolvers<void>()
  readonly #calls: DeliveredCall[] = []
  #waiting: DeliveredCall[] = []
  /** The messages to send to the queue, and to the queue of dead letters. */
  readonly #again: Replacement[] = []
  readonly #dead: Replacement[] = []
  readonly #limits = new Map<string, number>()
  readonly #running = new Map<string, number>()
  /** The number of runs, and of works besides, that have not ended. */
  #open = 0
  #runs = 0
  #goOn: () => void = () => {}

  constructor(options: InvocationOptions) {
    this.#options = options
    this.#deadline = clock.now() + options.limit
  }

  async run({ queue, messages }: MessageBatch): Promise<void> {
    for (const message of messages) this.#take(message, queue)
    this.#waiting = [...this.#calls]
    await new Promise<void>((resolve) => {
      this.#goOn = () => {
        this.#begin()
        if (this.#open === 0) resolve()
      }
      this.#goOn()
    })
    for (const call of this.#calls) this.#conclude(call)
    await this.#send()
    this.#over.resolve()
  }

  #take(message: Message, queue: string): void {
    const call = readCall(message)
    if (call === undefined) return this.#setAside(message, queue)
    const { due = 0, job, version, waits = 0 } = call
    const early = due - clock.date()
    if (early > 0) return this.#sendAgain(message, call, { delay: early, waits })
    const isKnown = this.#options.work.jobs.some(([name, latest]) => name === job && version <= latest)
    if (!isKnown || this.#options.work.concurrency === 0) {
      this.#options.unknown(job, version)
      return this.#sendAgain(message, call, { delay: Math.min(longestWait, 1000 * 2 ** waits), waits: waits + 1 })
    }
    const [deadline, over] = [this.#deadline, this.#over.promise]
    this.#calls.push(new DeliveredCall({ message, call, deadline, over, track: (work) => this.#track(work) }))
  }

  /** A message that is no call becomes a dead letter as it is. */
  #setAside(message: Message, queue: string): void {
    const cause = new Error('the message has no call')
    report(new AfterwordError('AFTERWORD_UNREADABLE', [queue, message.id, cause.message], { cause }))
    // Without a queue of dead letters it is left to what the consumer is configured for.
    if (this.#options.deadLetterQueue === undefined) return message.retry()
    const failed = { reason: 'unreadable', failedAt: clock.date() }
    this.#dead.push({ message, body: { ...failed, message: message.body }, delaySeconds: 0 })
  }

  #sendAgain(message: Message, call: MessageBody, changes: { attempt?: number; delay: number; waits?: number }): void {
    const { attempt = call.attempt, delay, waits } = changes
    this.#again.push({
      message,
      ...outgoing({ ...call, attempt, delay, options: call.options, expiresAt: call.expiresAt }, waits),
    })
  }

  /** Begins the calls for which there is room. */
  #begin(): void {
    const isLate = clock.now() >= this.#deadline
    const left: DeliveredCall[] = []
    const begun: DeliveredCall[] = []
    for (const call of this.#waiting) {
      if (isLate) void call.settle({ type: 'handed-back' })
      else if (this.#hasRoom(call.job)) {
        this.#count(call.job, 1)
        begun.push(call)
      } else left.push(call)
    }
    this.#waiting = left
    for (const call of begun) {
      this.#track(call.ended.then(() => this.#count(call.job, -1)))
      this.#options.host.take([call])
    }
  }

  /** The limits of jobs hold within one invocation: others know nothing of it. */
  #hasRoom(job: string): boolean {
    const { host, work } = this.#options
    const limit = this.#limits.get(job) ?? Math.max(1, host.roomFor(job))
    this.#limits.set(job, limit)
    return this.#runs < work.concurrency && (this.#running.get(job) ?? 0) < limit
  }

  #count(job: string, runs: 1 | -1): void {
    this.#runs += runs
    this.#running.set(job, (this.#running.get(job) ?? 0) + runs)
  }

  #track(work: Promise<unknown>): void {
    this.#open++
    const ended = work.then(() => {
      this.#open--
      this.#goOn()
    })
    // Work that begins when all runs have ended is the platform's to wait for.
    this.#options.context?.waitUntil?.(ended)
  }

  /** Decides what becomes of the message of a call. */
  #conclude({ message, call, ending, delay, isWhole }: DeliveredCall): void {
    switch (ending?.type) {
      case 'retried':
        return this.#sendAgain(message, call, { attempt: ending.attempt, delay })
      case 'failed':
        if (this.#options.deadLetterQueue === undefined) return message.ack()
        return void this.#dead.push({ message, body: deadLetter(call, ending), delaySeconds: 0 })
      case 'done':
        return isWhole ? message.ack() : message.retry()
      default:
        return this.#sendAgain(message, call, { delay: 0 })
    }
  }

  /** Sends what takes the place of messages. Where that fails, the queue delivers the messages again. */
  async #send(): Promise<void> {
    const { queue, deadLetterQueue, holdTimeout, host } = this.#options
    const sending = {
      deadline: clock.now() + holdTimeout,
      watch: host,
      settled(replacements: readonly Replacement[], trouble: string | undefined): void {
        for (const { message, delaySeconds } of replacements) {
          if (trouble === undefined) message.ack()
          else message.retry({ delaySeconds })
        }
      },
    }
    const to = (target: Queue) => ({ ...sending, send: (group: readonly Replacement[]) => sendBatch(target, group) })
    await Promise.all([
      sendMessages(this.#again, to(queue)),
      deadLetterQueue && sendMessages(this.#dead, to(deadLetterQueue)),
    ])
  }
}
