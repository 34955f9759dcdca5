import { rootOf } from '../plain-error.ts'

/**
 * The classes of SQLSTATE that tell of the server, the connection or the tables: another try may succeed, or none of any call.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const ofServer = new Set(['08', '0A', '25', '28', '3D', '3F', '40', '42', '53', '55', '57', '58', 'F0', 'XX'])

/**
 * Postgres has answered, and does not take the call: for a trigger, a constraint, a value of the call, or its size.
 * @param isFinal any answer of Postgres is a refusal
 */
export function isRefusal(error: unknown, isFinal = false): boolean {
  const { code, severity } = rootOf(error)
  if (typeof code !== 'string' || typeof severity !== 'string') return false
  return isFinal || !ofServer.has(code.slice(0, 2))
}

/** The queue was deleted. A worker of pg-boss puts its own name behind the words. */
export function isQueueGone(error: unknown): boolean {
  return /^Queue \S+ does not exist\b/.test((error as Error | undefined)?.message ?? '')
}
