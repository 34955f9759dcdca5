import { existsSync, type FSWatcher, watch } from 'node:fs'
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../../clock.ts'

/** The delays in ms after which a write is looked for, at first and at last: a commit is there a little after its write. */
const firstDelay = 4
const lastDelay = 256
/** The delay in ms between looks while one write follows another. */
const busyDelay = 16
/** The interval in ms of looks where the system tells nothing of writes. */
const pollInterval = 100
/** The number of changes without a word of the system after which it is not relied upon. */
const mostMissed = 2

/**
 * The watch tells when another process may have changed a database. The system wakes it, so that an idle process costs nothing; where the
 * system has no such service, or stays silent, the watch looks at an interval.
 */
export class ChangeWatch {
  readonly #path: string | undefined
  /** Looks whether the database has changed. */
  readonly #look: () => boolean
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #poll: NodeJS.Timeout | undefined
  #delay = firstDelay
  /** The system has told of a write since the last look, or since the last check. */
  #heard = false
  #heardSinceCheck = false
  #missed = 0
  #closed = false

  /** @param path the database; `undefined` for one that is in no file */
  constructor(path: string | undefined, look: () => boolean) {
    this.#path = path
    this.#look = look
    this.#begin()
  }

  /** Looks, in case the system has told nothing. To be called every now and then. */
  check(): void {
    const changed = this.#look()
    if (this.#heardSinceCheck || !changed) this.#missed = this.#heardSinceCheck ? 0 : this.#missed
    else if (++this.#missed === mostMissed) this.#beginPoll()
    this.#heardSinceCheck = false
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    clearTimeout(this.#timer)
    clearInterval(this.#poll)
  }

  #begin(): void {
    if (this.#path === undefined) return
    const log = `${this.#path}-wal`
    try {
      this.#watcher = watch(existsSync(log) ? log : this.#path, { persistent: false }, this.#onWrite)
      this.#watcher.on('error', () => this.#beginPoll())
    } catch {
      this.#beginPoll()
    }
  }

  #beginPoll(): void {
    this.#watcher?.close()
    if (!this.#closed) this.#poll ??= setInterval(this.#look, pollInterval).unref()
  }

  readonly #onWrite = (event: string): void => {
    if (event === 'rename' && !this.#closed) {
      // The file is another one from now on.
      this.#watcher?.close()
      this.#begin()
    }
    this.#heard = this.#heardSinceCheck = true
    if (this.#timer !== undefined || this.#closed) return
    this.#delay = firstDelay
    this.#lookLater()
  }

  #lookLater(): void {
    this.#heard = false
    this.#timer = setTimeout(this.#onTime, this.#delay).unref()
  }

  readonly #onTime = (): void => {
    this.#timer = undefined
    this.#look()
    this.#delay = this.#heard ? busyDelay : 2 * this.#delay
    if (this.#delay <= lastDelay && !this.#closed) this.#lookLater()
  }
}
