import type { AfterwordError } from '../../errors.ts'
import type { ScopeResponse } from '../../task/response.ts'

/** The key of the object that an adapter makes for a response, on the response: a second adapter, or a second copy of the package, finds it. */
export const ownResponse = Symbol.for('afterword.response')

/** Tells why a record of a response was refused, and leaves it to the caller to answer: nothing has left so far. */
export function takeRefusal(res: object): AfterwordError | undefined {
  const { stream = res } = res as { readonly stream?: object }
  const own = (stream as { [ownResponse]?: ScopeResponse & { readonly begun?: boolean } })[ownResponse]
  const refusal = own?.begun ? undefined : own?.gate?.refusal
  if (refusal !== undefined) own?.gate?.refusalTold()
  return refusal
}
