import type { Scope, SentResponse } from '../scope.ts'
import { suspendWrites } from './late-write.ts'

/** What can be ended: a response of `node:http`, of the compatibility API of `node:http2`, or a stream of its core API. */
interface Ending {
  end(...args: unknown[]): unknown
}

/** What holds a response: its scope says for how long. */
interface Holding {
  readonly scope?: Scope
  describe(): SentResponse
}

/**
 * From now on `end` waits if the scope says so: nothing of the end has left until then, and a response that was written in one piece
 * has not left at all. Its handler notices nothing.
 */
export function holdEnd(res: object, response: Holding, discardWrites: () => void): void {
  const ending = res as Ending
  const { end } = ending
  ending.end = function (this: Ending, ...args) {
    ending.end = end
    const held = response.scope?.held()
    if (held === undefined) return end.apply(this, args)
    const resume = suspendWrites(res, discardWrites)
    void held.then(() => {
      resume()
      end.apply(this, args)
    })
    return this
  }
}
