import { dirname } from 'node:path'
import { ProcessLock } from '../files/process-lock.ts'

/**
 * The locks of the slots whose records are this process's: its own, and those of dead processes. The thread of the requests holds them:
 * should the journal's thread die, no other process may run the records that this one runs.
 */
export class SlotLocks {
  readonly #folder: string | undefined
  readonly #own: ProcessLock | undefined
  readonly #adopted = new Map<number, ProcessLock>()

  /** @param folder the folder of the locks; `undefined` where no slot of another process is adopted */
  constructor(folder: string | undefined, own: ProcessLock | undefined) {
    this.#folder = folder
    this.#own = own
  }

  /** The folder of the locks; empty where no other process can have one. */
  get folder(): string {
    return this.#own === undefined ? '' : dirname(this.#own.path)
  }

  /** The slots of dead processes. */
  get adopted(): number[] {
    return [...this.#adopted.keys()]
  }

  /** The slot of this process is another one's now. Locks that were dropped are taken again, those of adopted slots, too. */
  get areLost(): boolean {
    for (const lock of this.#adopted.values()) void lock.isLost
    return this.#own?.isLost ?? false
  }

  /** Tells, once for each time, that a lock was dropped and taken again. @returns its path */
  takeDropped(): string | undefined {
    const lock = [this.#own, ...this.#adopted.values()].find((lock) => lock?.wasDropped)
    if (lock !== undefined) lock.wasDropped = false
    return lock?.path
  }

  /** Takes the lock of a slot that no living process seems to have. @returns whether this process has the lock now */
  adopt(slot: number): boolean {
    if (this.#folder === undefined) return false
    const lock = this.#adopted.get(slot) ?? ProcessLock.tryTake(this.#folder, slot)
    if (lock === undefined) return false
    if (!this.#adopted.has(slot)) lock.keep()
    this.#adopted.set(slot, lock)
    return true
  }

  release(slot: number): void {
    this.#adopted.get(slot)?.release()
    this.#adopted.delete(slot)
  }

  close(): void {
    for (const slot of this.adopted) this.release(slot)
    this.#own?.release()
  }
}
