import { instance } from '../../instance.ts'
import { makeAddress } from '../../task/address.ts'
import { RequestScope } from '../../task/request-scope.ts'
import { hostOf } from './fetch-host.ts'
import { FetchIntake } from './fetch-intake.ts'
import { FetchResponse } from './fetch-response.ts'

/** The answer of a handler; Bun wants none after `server.upgrade`. */
export type Answer = Response | undefined

/**
 * The options of `withAfterword`.
 *
 * @example
 * withAfterword(handler, { limit: 60_000 })
 */
export interface FetchOptions {
  /** The time in ms for which the host lets work go on after the response. @default on Cloudflare Workers 29000, else without limit */
  readonly limit?: number
}

let intake: FetchIntake | undefined

/**
 * Calls `handle` in the scope of a request. @returns the response that the host is to send
 *
 * @example
 * app.use((event, next) => inScope(event.request, [event.env, event.context], next))
 */
export async function inScope(
  request: Request,
  extras: readonly unknown[],
  handle: () => Answer | Promise<Answer>,
  { limit }: FetchOptions = {},
): Promise<Answer> {
  const afterword = instance()
  // The scope was opened further out, or the app makes a request to itself: the tasks belong to the outer response.
  const { currentScope } = afterword
  if (currentScope !== undefined) {
    if (currentScope instanceof RequestScope) makeAddress(request, { gate: currentScope })
    return handle()
  }
  const host = hostOf(extras, limit)
  if (host.lives) {
    if (intake === undefined) afterword.addIntake((intake = new FetchIntake()))
    intake.server ??= host.server
    intake.enter()
  }
  const response = new FetchResponse(request, host, () => host.lives && intake?.leave())
  makeAddress(request, response)
  return afterword.scope(response, async () => {
    response.gate?.keepContext()
    let answer: Answer
    try {
      answer = await handle()
    } catch (error) {
      await response.failed(error)
      throw error
    }
    return response.returned(answer)
  })
}
