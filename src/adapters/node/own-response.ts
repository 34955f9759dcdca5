import type { AfterwordError } from '../../errors.ts'
import type { ScopeResponse } from '../../task/response.ts'

/** The key of the object that an adapter makes for a response, on the response: a second adapter, or a second copy of the package, finds it. */
export const ownResponse = Symbol.for('afterword.response')

interface Owner {
  [ownResponse]?: ScopeResponse & { readonly begun?: boolean }
}

/** Tells why a record of a response was refused, and leaves it to the caller to answer: nothing has left so far. */
export function takeRefusal(res: object): AfterwordError | undefined {
  const { [ownResponse]: face, stream } = res as Owner & { readonly stream?: Owner }
  // On HTTP/2 the object belongs to the stream, of which the compatibility API's response is one face.
  const own = face ?? stream?.[ownResponse]
  const refusal = own?.begun ? undefined : own?.gate?.refusal
  if (refusal !== undefined) own?.gate?.refusalTold()
  return refusal
}
