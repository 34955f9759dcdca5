import { clearTimeout } from '../../clock.ts'
import { setTimer } from '../../timers.ts'
import type { Boss } from './boss.ts'
import { tableOf } from './call-rows.ts'

/** The time in ms for which a call may be due before its queue counts as one that nobody works on, and the interval at which that is looked for. */
const longestWait = 60_000

/** The queues that this process fills and does not work on: should nobody else do, that is told once. */
export class UnworkedQueues {
  readonly #boss: Boss
  readonly #tell: (job: string, seconds: number) => void
  /** The jobs of the queues, by the names of these, until they are told. */
  readonly #filled = new Map<string, string>()
  readonly #told = new Set<string>()
  readonly #wait: number
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** @param tell tells of a job whose calls nobody takes */
  constructor(boss: Boss, tell: (job: string, seconds: number) => void, wait = longestWait) {
    this.#boss = boss
    this.#tell = tell
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
      // A database that is away is told by others, and calls that come later have the queue looked at again.
      const isIdle = await this.#isIdle(queue).catch(() => false)
      if (this.#closed) return
      if (isIdle) {
        this.#told.add(queue)
        this.#tell(job, this.#wait / 1000)
      }
    }
  }

  /** A call of the queue has been due for long, and none runs, nor has one been begun or ended meanwhile. */
  async #isIdle(queue: string): Promise<boolean> {
    const table = await tableOf(this.#boss, queue)
    const since = `now() - $2 * interval '1 ms'`
    const { rows } = await this.#boss.getDb().executeSql(
      `SELECT EXISTS (SELECT 1 FROM ${table} WHERE name = $1 AND state < 'active' AND start_after <= ${since})
        AND NOT EXISTS (SELECT 1 FROM ${table} WHERE name = $1 AND (state = 'active' OR started_on > ${since} OR completed_on > ${since})) AS idle`,
      [queue, this.#wait],
    )
    return (rows as { idle: boolean }[])[0]?.idle === true
  }
}
