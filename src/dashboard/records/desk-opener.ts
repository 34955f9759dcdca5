import type { Metrics } from '../../metrics.ts'
import { type JournalOptions, validateJournal } from '../../options/journal-options.ts'
import { engineOf } from '../../stores/engine-url.ts'
import type { HelloView } from '../views.ts'
import { MemoryDesk } from './memory-desk.ts'
import { type Desk, RecordDesk } from './record-desk.ts'

/** The opener makes the desk of a dashboard when somebody looks for the first time: the instance may be configured after the dashboard was mounted. */
export class DeskOpener {
  readonly #metrics: Metrics | undefined
  readonly #store: string | undefined
  #opened: Desk | undefined

  /** @param metrics those of the instance of the process, if that is looked at @param store the store that was named */
  constructor(metrics: Metrics | undefined, store: string | undefined) {
    this.#metrics = metrics
    this.#store = store
  }

  get desk(): Desk {
    this.#opened ??= this.#make()
    return this.#opened
  }

  get kind(): HelloView['store'] {
    const place = this.#place
    if (place === undefined) return 'none'
    return engineOf(place) === undefined ? 'journal' : 'engine'
  }

  /** Closes what is open, where nobody has asked for a while. */
  closeIdle(): void {
    this.#opened?.closeIdle()
  }

  get #place(): string | undefined {
    return this.#store ?? placeOf(this.#metrics?.journal)
  }

  #make(): Desk {
    const place = this.#place
    if (place === undefined) return new MemoryDesk(this.#metrics as Metrics)
    const { journal } = this.#metrics ?? {}
    return new RecordDesk(place, journal?.encrypt && validateJournal(journal).encrypt)
  }
}

/** The folder of a journal, or the file of the database that it is in; `undefined` where there is no file. */
function placeOf(journal: JournalOptions | undefined): string | undefined {
  if (journal?.database === undefined) return journal?.path
  // That of node:sqlite, and that of better-sqlite3.
  const { location, name } = journal.database as { location?: () => string | null; name?: string }
  const file = typeof location === 'function' ? location.call(journal.database) : name
  return file && file !== ':memory:' ? file : undefined
}
