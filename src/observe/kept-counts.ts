import type { JobCounts } from '../journal/inspection/listed.ts'
import { Inspector } from '../journal/inspector.ts'
import { within } from '../timers.ts'

/** The time in ms for which the counts are waited for: a reader of metrics gives up soon. */
const longestWait = 5000

/** The counts of records that no process has in its memory. They are made in a thread of their own, which begins with the first reading. */
export class KeptCounts {
  readonly #folder: string
  #inspector: Inspector | undefined
  #isClosed = false
  #counting: Promise<readonly JobCounts[] | undefined> | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Reads the counts; `undefined` where the journal does not tell in time, or has no files yet. */
  async read(): Promise<readonly JobCounts[] | undefined> {
    if (this.#isClosed) return undefined
    this.#counting ??= this.#count()
    const counting = this.#counting
    let counts: readonly JobCounts[] | undefined
    await within(
      longestWait,
      counting.then((counted) => void (counts = counted)),
    )
    return counts
  }

  async #count(): Promise<readonly JobCounts[] | undefined> {
    try {
      this.#inspector ??= new Inspector(this.#folder)
      return await this.#inspector.jobs()
    } catch {
      // The next reading opens the files anew.
      this.#end()
      return undefined
    } finally {
      this.#counting = undefined
    }
  }

  /** Ends the thread: later readings begin none. */
  close(): void {
    this.#isClosed = true
    this.#end()
  }

  #end(): void {
    void this.#inspector?.[Symbol.asyncDispose]()
    this.#inspector = undefined
  }
}
