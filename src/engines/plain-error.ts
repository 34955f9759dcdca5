/** Makes an error of what a library has thrown, without what that has put on it: its client, say, and with that the keys of a connection. */
export function plainError({
  message,
  stack,
  code,
  errors,
}: Error & { code?: unknown; errors?: readonly Error[] }): Error {
  // A connection that is tried by several addresses fails with an error for each, and without words of its own.
  const words = message || (errors ?? []).map((error) => error.message).join('; ')
  return Object.assign(new Error(words), { stack: String(stack) }, code !== undefined && { code })
}
