import { type FSWatcher, watch } from 'node:fs'
import { clearTimeout, clock, setTimeout } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { LogFile } from './log-file.ts'
import type { SlotLocks } from './slot-locks.ts'

/** The time in ms for which a look holds: a call of a job does not look again. */
const fresh = 10
/** The interval in ms of looks while records are in the memory of this process. */
const interval = 50

interface WatchedSlot {
  /** The path of the slot's lock. */
  readonly path: string
  readonly locks: SlotLocks
  readonly log: LogFile
  /** The memory of this process has no record of the slot: an idle process costs nothing. */
  isAtRest(): boolean
  /** A lock was dropped: those of the databases may be as well. */
  dropped(): void
  /** A look that no call has asked for. */
  look(): void
}

/** The watch of a slot looks whether the slot is still this process's: its files may be deleted or replaced, and its lock dropped. */
export class SlotWatch {
  readonly #slot: WatchedSlot
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #looked = 0
  #told = false

  constructor(slot: WatchedSlot) {
    this.#slot = slot
    try {
      // The system tells at once that the file is deleted.
      this.#watcher = watch(slot.path, { persistent: false }, () => slot.look())
      this.#watcher.on('error', () => {})
    } catch {
      // Too many files are watched: the looks at an interval find it as well.
    }
  }

  /** The last look is a while ago. */
  get isDue(): boolean {
    return clock.now() - this.#looked > fresh
  }

  /** Looks whether the slot is this process's no more. A lock that was dropped is taken again. */
  get isLost(): boolean {
    this.#looked = clock.now()
    const { locks, log } = this.#slot
    const isLost = locks.areLost || log.isGone
    const dropped = locks.takeDropped()
    if (dropped !== undefined) this.#slot.dropped()
    if (dropped !== undefined && !this.#told) {
      this.#told = true
      report(new AfterwordError('AFTERWORD_JOURNAL_UNLOCKED', [dropped]))
    }
    if (!isLost) this.#timer ??= setTimeout(this.#onTime, interval).unref()
    return isLost
  }

  close(): void {
    this.#watcher?.close()
    clearTimeout(this.#timer)
  }

  readonly #onTime = (): void => {
    this.#timer = undefined
    if (!this.#slot.isAtRest()) this.#slot.look()
  }
}
