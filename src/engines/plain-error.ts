import { describe } from '../errors.ts'

interface Thrown extends Error {
  readonly code?: unknown
  readonly severity?: unknown
  readonly errors?: readonly Error[]
  readonly meta?: { readonly driverAdapterError?: { readonly cause?: DriverTrouble } }
}

/** The answer of the database, as Prisma has it in an error of its own. */
interface DriverTrouble {
  readonly originalCode?: unknown
  readonly originalMessage?: unknown
}

/** The error that a library has wrapped in one of its own. Drizzle and Prisma repeat the query in theirs, with the arguments of the call. */
export function rootOf(thrown: unknown): Thrown {
  const error = errorOf(thrown)
  const { code, cause, meta } = error
  const { originalCode, originalMessage } = meta?.driverAdapterError?.cause ?? {}
  if (typeof originalMessage === 'string') {
    // Prisma hands on what Postgres answers, and leaves the severity out for codes that it knows.
    return Object.assign(new Error(originalMessage), { code: originalCode, severity: 'ERROR' })
  }
  return code === undefined && cause instanceof Error && cause !== error ? rootOf(cause) : error
}

/** Takes what was thrown for an error: a library may throw anything. */
function errorOf(thrown: unknown): Thrown {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) return thrown as Thrown
  return new Error(thrown === undefined ? 'no reason was given' : describe(thrown))
}

/** Makes an error of what a library has thrown, without what that has put on it: its client, say, and with that the keys of a connection. */
export function plainError(thrown: unknown): Error {
  const { message, stack, code, errors } = rootOf(thrown)
  // A connection that is tried by several addresses fails with an error for each, and without words of its own.
  const words = message || (errors ?? []).map((error) => error.message).join('; ')
  return Object.assign(new Error(words), { stack: String(stack) }, code !== undefined && { code })
}
