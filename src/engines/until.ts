import { waitFor } from '../timers.ts'

/** The shortest and the longest pause in ms before a command is tried again. */
const firstPause = 50
const longestPause = 2000

interface Trying {
  /** Tells that nobody waits for the command any more. */
  isOver(): boolean
  /** Called with the error of each try. */
  failed(error: unknown): unknown
}

/** Calls `fn` until it succeeds, with pauses that grow. @returns false if nobody waits for that any more */
export async function until(fn: () => Promise<unknown>, { isOver, failed }: Trying): Promise<boolean> {
  for (let pause = firstPause; ; pause = Math.min(longestPause, 2 * pause)) {
    try {
      await fn()
      return true
    } catch (error) {
      if (isOver()) return false
      await failed(error)
    }
    await waitFor(pause)
    if (isOver()) return false
  }
}
