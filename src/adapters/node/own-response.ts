import type { ScopeResponse } from '../../task/response.ts'

/** What was made for a response is kept on it: a second adapter, or a second copy of the package, finds it there. */
export const ownResponse = Symbol.for('afterword.response')

/**
 * For whoever is about to send something of a response: resolves when the records so far are accepted; `undefined` if they are.
 * Rejects if one can't be: then the response must not tell of a success.
 */
export function beforeBytes(res: object): Promise<unknown> | undefined {
  return (res as { [ownResponse]?: ScopeResponse })[ownResponse]?.gate?.beforeBytes()
}
