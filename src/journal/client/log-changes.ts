import { entry } from '../files/log-format.ts'
import type { LogSync } from './log-sync.ts'

/** The changes of records that the log is to note, in order. Those of records that are done or moved are made into entries when they are taken. */
export class LogChanges {
  readonly #sync: LogSync | undefined
  #entries: string[] = []
  #done: number[] = []
  #moved: number[] = []
  /** Records that were refused, which wait for nothing. */
  #refused: number[] = []
  /** The entries that may be on the disk before all records that were accepted. */
  #ready: string[] = []
  #allWritten: PromiseWithResolvers<void> | undefined

  constructor(sync: LogSync | undefined) {
    this.#sync = sync
  }

  add(text: string): void {
    this.#entries.push(text)
  }

  done(recordId: number): void {
    this.#done.push(recordId)
  }

  refused(recordId: number): void {
    this.#refused.push(recordId)
  }

  moved(recordId: number): void {
    this.#moved.push(recordId)
  }

  /** The entries that can be written now. @param withRecords records are written in the same frame, or before */
  gather(withRecords: boolean): readonly string[] {
    if (this.#refused.length > 0) this.#ready.push(JSON.stringify([entry.done, ...this.#refused]))
    this.#refused = []
    if (this.#sync === undefined || !(withRecords || this.#sync.isUnderWay)) this.#ready.push(...this.#take())
    return this.#ready
  }

  /** The entries that were gathered are written. @returns them */
  written(): string[] {
    const written = this.#ready
    this.#ready = []
    this.#allWritten?.resolve()
    this.#allWritten = undefined
    return written
  }

  /** Resolves when the entries that can be written now are. */
  get allWritten(): Promise<void> {
    if (this.#ready.length === 0) return Promise.resolve()
    this.#allWritten ??= Promise.withResolvers()
    return this.#allWritten.promise
  }

  /** Adds an entry that can be written at any time. */
  addReady(text: string): void {
    this.#ready.push(text)
  }

  /** Entries are to be written once more. */
  again(entries: readonly string[]): void {
    this.#ready = [...entries, ...this.#ready]
  }

  /** Lets the other changes wait for the records that were written before them: a task may have deferred those before it ended. */
  letWait(): void {
    if (this.#sync === undefined) return
    const entries = this.#take()
    if (entries.length > 0) this.#sync.after(() => void this.#ready.push(...entries))
  }

  #take(): string[] {
    const entries = this.#entries
    if (this.#done.length > 0) entries.push(JSON.stringify([entry.done, ...this.#done]))
    if (this.#moved.length > 0) entries.push(JSON.stringify([entry.moved, ...this.#moved]))
    this.#entries = []
    this.#done = []
    this.#moved = []
    return entries
  }
}
