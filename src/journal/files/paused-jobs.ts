import type { Database, Statement } from '../../options/app-database.ts'

/** The jobs of which no run begins, in the shared database. */
export class PausedJobs {
  readonly #all: Statement
  readonly #add: Statement
  readonly #remove: Statement

  /** A database that an earlier release has made has no such table until a process of this one starts. */
  static isIn(database: Database): boolean {
    return database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'afterword_paused'").get() !== undefined
  }

  constructor(database: Database) {
    this.#all = database.prepare('SELECT job FROM afterword_paused ORDER BY job')
    this.#add = database.prepare('INSERT OR IGNORE INTO afterword_paused (job) VALUES (?)')
    this.#remove = database.prepare('DELETE FROM afterword_paused WHERE job = ?')
  }

  get all(): string[] {
    return (this.#all.all() as { job: string }[]).map(({ job }) => job)
  }

  set(job: string, isPaused: boolean): void {
    if (isPaused) this.#add.run(job)
    else this.#remove.run(job)
  }
}
