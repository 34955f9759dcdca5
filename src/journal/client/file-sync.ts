import { clearTimeout, setTimeout } from '../../clock.ts'
import type { LogFile } from './log-file.ts'

/** The time in ms that Node's pool has for a sync. An app may keep all its threads busy; then the journal's thread syncs the file as well. */
const patience = 10

interface FileSyncOptions {
  readonly file: LogFile
  /** Asks the journal's thread to sync the file. The answer has the same number. */
  ask(number: number): void
  /** The file is synced, or can't be. */
  synced(error: string | undefined): void
}

/**
 * A file sync has the file synced in a thread of Node's pool. A message to the journal's thread and one back cost more than the sync
 * itself: each wakes a thread that waits for its event loop.
 */
export class FileSync {
  readonly #options: FileSyncOptions
  #number = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: FileSyncOptions) {
    this.#options = options
  }

  /** Begins a sync, which covers all that is written. One at a time. */
  begin(): void {
    const { file, ask } = this.#options
    const number = ++this.#number
    this.#timer = setTimeout(ask, patience, number)
    file.sync((error) => this.ended(number, error))
  }

  /** A sync has ended, by the pool or by the journal's thread: the first of both counts. */
  ended(number: number, error: string | undefined): void {
    if (number !== this.#number || this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#options.synced(error)
  }
}
