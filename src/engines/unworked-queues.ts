import { clearTimeout } from '../clock.ts'
import { setTimer } from '../timers.ts'
import type { EngineHost } from './engine.ts'

/** The time in ms for which a call may be due before its queue counts as one that nobody works on, and the interval at which that is looked for. */
const longestWait = 60_000

interface UnworkedOptions {
  /** A call of the queue has been due for so many ms, and none runs, nor has one been begun or ended meanwhile. */
  readonly isIdle: (queue: string, time: number) => Promise<boolean>
  readonly host: Pick<EngineHost, 'unworked'>
  readonly wait?: number
}

/** The queues that this process fills and does not work on: should nobody else do, that is told once. */
export class UnworkedQueues {
  readonly #isIdle: UnworkedOptions['isIdle']
  readonly #host: UnworkedOptions['host']
  /** The jobs of the queues, by the names of these, until they are told. */
  readonly #filled = new Map<string, string>()
  readonly #told = new Set<string>()
  readonly #wait: number
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor({ isIdle, host, wait = longestWait }: UnworkedOptions) {
    this.#isIdle = isIdle
    this.#host = host
    this.#wait = wait
  }

  /** Calls of the job were added to its queue. */
  filled(queue: string, job: string): void {
    if (this.#told.has(queue) || this.#closed) return
    this.#filled.set(queue, job)
    this.#timer ??= setTimer(() => void this.#look(), this.#wait).unref()
  }

  /** The queues are worked on by this process. */
  worked(queues: Iterable<string>): void {
    for (const queue of queues) {
      this.#filled.delete(queue)
      this.#told.add(queue)
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    const filled = [...this.#filled]
    this.#filled.clear()
    this.#timer = undefined
    for (const [queue, job] of filled) {
      // An engine that is away is told by others, and calls that come later have the queue looked at again.
      const isIdle = await this.#isIdle(queue, this.#wait).catch(() => false)
      if (this.#closed) return
      if (isIdle) {
        this.#told.add(queue)
        this.#host.unworked(job, this.#wait / 1000)
      }
    }
  }
}
