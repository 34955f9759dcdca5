interface Thrown extends Error {
  readonly code?: unknown
  readonly errors?: readonly Error[]
}

/** The error that a library has wrapped in one of its own. Drizzle repeats the query in its own, with the arguments of the call. */
export function rootOf(error: Thrown): Thrown {
  const { code, cause } = error
  return code === undefined && cause instanceof Error && cause !== error ? rootOf(cause) : error
}

/** Makes an error of what a library has thrown, without what that has put on it: its client, say, and with that the keys of a connection. */
export function plainError(error: Error): Error {
  const { message, stack, code, errors } = rootOf(error)
  // A connection that is tried by several addresses fails with an error for each, and without words of its own.
  const words = message || (errors ?? []).map((error) => error.message).join('; ')
  return Object.assign(new Error(words), { stack: String(stack) }, code !== undefined && { code })
}
