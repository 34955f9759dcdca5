import type { Boss } from './boss.ts'

/** A connection of pg, as far as it is used. */
export interface Session {
  /** The process of the server that answers, as the server has said when the connection was made. */
  readonly processID?: unknown
  connect(): Promise<unknown>
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: { readonly payload?: string | undefined }) => void): unknown
  end(): Promise<void>
}

/** The pool of a database of pg-boss that has one of pg. */
interface Pool {
  readonly Client?: new (options: object) => Session
  readonly options?: object
}

/**
 * Makes a connection that is nobody else's, to the database that pg-boss has a pool of.
 * @returns `undefined` where the app has given pg-boss another way to its database
 */
export function makeSession(boss: Boss): Session | undefined {
  const { pool } = boss.getDb() as { pool?: Pool }
  if (typeof pool?.Client !== 'function' || pool.options === undefined) return undefined
  return new pool.Client(pool.options)
}

/**
 * The server keeps what it is told for as long as the connection lasts. Behind a pooler, as PgBouncer, another process of the server may answer
 * each statement, or keep a lock when the connection is gone: a pooler gives a number of its own for that of the server's process.
 */
export async function isOwnSession(session: Session): Promise<boolean> {
  const { rows } = await session.query('SELECT pg_backend_pid() AS pid')
  return (rows as { pid: number }[])[0]?.pid === session.processID
}
