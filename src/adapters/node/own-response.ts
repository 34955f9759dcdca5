import type { AfterwordError } from '../../errors.ts'
import { ownResponse } from '../../task/address.ts'
import type { ScopeResponse } from '../../task/response.ts'

/** Tells why a record of a response was refused, and leaves it to the caller to answer: nothing has left so far. */
export function takeRefusal(res: object): AfterwordError | undefined {
  const { stream = res } = res as { readonly stream?: object }
  const own = (stream as { [ownResponse]?: ScopeResponse & { readonly begun?: boolean } })[ownResponse]
  const refusal = own?.begun ? undefined : own?.gate?.refusal
  if (refusal !== undefined) own?.gate?.refusalTold()
  return refusal
}
