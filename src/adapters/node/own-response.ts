import type { ResponseGate, ScopeResponse } from '../../task/response.ts'

/** The key of the object that an adapter makes for a response, on the response: a second adapter, or a second copy of the package, finds it. */
export const ownResponse = Symbol.for('afterword.response')

/** Finds the gate of a response. */
export function gateOf(res: object): ResponseGate | undefined {
  return (res as { [ownResponse]?: ScopeResponse })[ownResponse]?.gate
}
