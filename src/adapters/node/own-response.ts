import type { ScopeResponse } from '../../task/response.ts'

/** The key of the object that an adapter makes for a response, on the response: a second adapter, or a second copy of the package, finds it. */
export const ownResponse = Symbol.for('afterword.response')

/**
 * Asks the gate of a response before bytes of it leave. The promise resolves when the records so far are accepted; `undefined`: they
 * are. The promise rejects if a record can't be stored: then the response must not tell of a success.
 */
export function beforeBytes(res: object): Promise<unknown> | undefined {
  return (res as { [ownResponse]?: ScopeResponse })[ownResponse]?.gate?.beforeBytes()
}
