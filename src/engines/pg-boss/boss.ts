/** A run of a job of pg-boss, by which its end is fenced. */
export interface BossAttempt {
  readonly id: string
  readonly retryCount: number
}

/** A job of pg-boss, as its workers get it. */
export interface BossJob extends BossAttempt {
  readonly data: unknown
}

/** A job of pg-boss, as it is found. */
interface FoundJob extends BossJob {
  readonly state: string
}

/** A connection, or a transaction, as pg-boss knows it. */
export interface BossDatabase {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  beginTransaction?(): Promise<BossTransaction>
}

interface BossTransaction {
  readonly db: object
  commit(): Promise<void>
  rollback(): Promise<void>
}

interface NewJob {
  id: string
  singletonKey: string
  data: object
  startAfter?: string
}

interface InTransaction {
  db?: never
}

/**
 * The part of pg-boss that is used. An instance of the class `PgBoss` is one.
 *
 * @example
 * const boss: Boss = new PgBoss({ connectionString: process.env.DATABASE_URL, useListenNotify: true })
 */
export interface Boss {
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  start(): Promise<unknown>
  stop(options: { graceful: boolean }): Promise<void>
  getDb(): BossDatabase
  createQueue(name: string, options: object): Promise<void>
  insert(name: string, jobs: NewJob[], options: { returnId: boolean } & InTransaction): Promise<string[] | null>
  work(
    name: string,
    options: { batchSize: number; pollingIntervalSeconds: number; notifyPollingIntervalSeconds: number },
    handler: (jobs: BossJob[]) => Promise<void>,
  ): Promise<string>
  offWork(name: string, options: { id: string; wait: boolean }): Promise<void>
  notifyWorker(id: string): void
  complete(name: string, attempts: BossAttempt[]): Promise<object>
  fail(name: string, of: string | BossAttempt | BossAttempt[], output: object, options: InTransaction): Promise<object>
  update(
    name: string,
    data: object | undefined,
    options: InTransaction & { id: string; startAfter?: string; retryLimit?: number; deleteAfterSeconds?: number },
  ): Promise<{ readonly updated: number }>
  retry(name: string, id: string, options: InTransaction): Promise<object>
  deleteJob(name: string, id: string, options?: InTransaction): Promise<object>
  findJobs(name: string, options: InTransaction & { id?: string; key?: string; queued?: boolean }): Promise<FoundJob[]>
}

/** A command has changed its job. */
export function hasChanged(response: object): boolean {
  return (response as { affected?: number }).affected !== 0
}

/** A command has changed all of its jobs. */
export function hasChangedAll(response: object, count: number): boolean {
  const { affected = count } = response as { affected?: number }
  return affected >= count
}

/** The database of pg-boss has transactions: that of its own pool has, one that the app has given need not. */
export function hasTransactions(boss: Boss): boolean {
  return typeof boss.getDb().beginTransaction === 'function'
}

/** Calls `fn` in a transaction. @param fn gets what makes a call of pg-boss part of it */
export async function inTransaction<T>(boss: Boss, fn: (options: InTransaction) => Promise<T>): Promise<T> {
  const database = boss.getDb()
  const transaction = await (database.beginTransaction as () => Promise<BossTransaction>)()
  try {
    const made = await fn({ db: transaction.db as never })
    await transaction.commit()
    return made
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

/** Deletes a job that waits. @returns false if it does not */
export function withdraw(boss: Boss, queue: string, id: string): Promise<boolean> {
  return inTransaction(boss, async (options) => {
    // Only a job that waits can be updated, and none that is begins before the transaction is over.
    const { updated } = await boss.update(queue, undefined, { ...options, id, startAfter: '0 seconds' })
    if (updated > 0) await boss.deleteJob(queue, id, options)
    return updated > 0
  })
}
