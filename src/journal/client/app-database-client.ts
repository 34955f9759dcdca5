import { AfterwordError } from '../../errors.ts'
import type { AppDatabase } from '../../options/app-database.ts'
import type { JobCall } from '../../task/record.ts'
import { JournalClient } from './journal-client.ts'

/** The client of a journal in a database of the app, whose transactions its calls can be part of. */
export class AppDatabaseClient extends JournalClient {
  readonly #database: AppDatabase

  constructor(database: AppDatabase, ...rest: ConstructorParameters<typeof JournalClient>) {
    super(...rest)
    this.#database = database
  }

  async enqueue(call: JobCall, tx: object): Promise<string> {
    const refuse = (expected: string, got: string) => {
      throw new AfterwordError('AFTERWORD_INVALID_OPTION', [`job("${call.job}").with`, 'tx', expected, got])
    }
    if (tx !== this.#database) refuse('the database that journal: { database } names', 'another one')
    if (!isInTransaction(this.#database)) refuse('in a transaction', 'a database outside of one')
    const record = this.create(call)
    record.submit(() => {})
    await record.entered
    return record.id
  }
}

export function isInTransaction({ isTransaction, inTransaction }: AppDatabase): boolean {
  return isTransaction ?? inTransaction ?? false
}
