import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The header in which a client names the mark that it is going to make. */
export const markHeader = 'x-mark'

/** The time in ms for which a task waits for its mark. Far beyond what any client needs, so that only a held-up one misses it. */
const patience = 30_000

/** Files by which a client tells a thread that does not listen to anything: I have my last byte, or I am gone. */
export class Marks implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'afterword-marks-'))
  #count = 0
  #disposed = false

  /** The path of a mark that is not made yet. */
  next(): string {
    return join(this.#folder, String(++this.#count))
  }

  make(mark: string): void {
    // A connection that is torn down at the end of a test still ends its visits.
    if (!this.#disposed) writeFileSync(mark, '')
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    rmSync(this.#folder, { recursive: true })
  }
}

const nothing = new Int32Array(new SharedArrayBuffer(4))

/** Blocks this thread until the mark is made. False if it gave up. */
export function blockUntil(mark: string): boolean {
  const end = performance.now() + patience
  while (!existsSync(mark)) {
    if (performance.now() > end) return false
    Atomics.wait(nothing, 0, 0, 1)
  }
  return true
}
