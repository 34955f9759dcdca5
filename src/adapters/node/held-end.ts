import type { ScopeResponse } from '../../task/response.ts'
import { refuse } from '../refusal.ts'
import { carryOut, checkEnd } from './held-calls.ts'
import { HeldWrites, type WritingResponse } from './held-writes.ts'
import { suspendWrites } from './late-write.ts'
import { ownResponse } from './own-response.ts'

type End = (chunk?: unknown, encoding?: unknown, callback?: unknown) => unknown

/** A response that can be ended: of `node:http`, of the compatibility API of `node:http2`, or a stream of its core API. */
interface NodeResponse {
  end: End
  [ownResponse]?: HeldResponse
}

/** A response that leaves when its gate lets it. */
export interface HeldResponse extends ScopeResponse, WritingResponse {
  /** The `end` of Node's response before it was held. */
  nodeEnd: End | undefined
  /** The writes before the end, which may have to wait as well where there is a journal. */
  writes: HeldWrites | undefined
}

/** Makes `end` of a response wait for the gate. The handler notices nothing. */
export function holdEnd(res: object, response: HeldResponse): void {
  const node = res as NodeResponse
  node[ownResponse] = response
  response.nodeEnd = node.end
  node.end = onEnd
  if (response.gate?.keeps) response.writes = new HeldWrites(res, response)
}

/** The `end` of all held responses: a closure for each would be one more object to allocate. */
function onEnd(this: NodeResponse, chunk: unknown, encoding: unknown, callback: unknown): unknown {
  const response = this[ownResponse] as HeldResponse
  const end = response.nodeEnd as End
  // The check comes before the gate is asked, which tells of each record once.
  if (response.writes !== undefined) checkEnd(this, chunk, encoding)
  if (response.writes?.waits) {
    response.writes.endLater(() => {
      onEnd.call(this, chunk, encoding, callback)
      response.discardWrites()
    })
    return this
  }
  const held = response.gate?.beforeEnd()
  if (held === undefined) return end.call(this, chunk, encoding, callback)
  const resume = suspendWrites(this, response)
  void held.then(
    () => {
      resume()
      carryOut(this, response, [() => end.call(this, chunk, encoding, callback)])
      response.discardWrites()
    },
    () => {
      resume()
      refuse(this)
      response.discardWrites()
    },
  )
  return this
}
