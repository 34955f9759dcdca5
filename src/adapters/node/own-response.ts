import type { ResponseGate, ScopeResponse } from '../../task/response.ts'

/** The key of the object that an adapter makes for a response, on the response: a second adapter, or a second copy of the package, finds it. */
export const ownResponse = Symbol.for('afterword.response')

interface Owner {
  [ownResponse]?: ScopeResponse
}

/** Finds the gate of a response. */
export function gateOf(res: object): ResponseGate | undefined {
  const { [ownResponse]: own, stream } = res as Owner & { readonly stream?: Owner }
  // On HTTP/2 the object belongs to the stream, of which the compatibility API's response is one face.
  return (own ?? stream?.[ownResponse])?.gate
}
