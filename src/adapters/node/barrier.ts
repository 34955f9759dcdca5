import type { ServerResponse } from 'node:http'
import { refuse } from '../refusal.ts'
import type { HeldResponse } from './held-bytes.ts'

type Method = (...args: unknown[]) => unknown
type Methods = Record<string, Method | undefined>

/** A response that is refused when its handler begins it. */
export interface RefusableResponse extends HeldResponse {
  /** The framework's own way to answer an error. */
  answerError(): ((error: Error) => unknown) | undefined
}

/** The methods by which bytes begin to leave: of `node:http`, of the compatibility API of `node:http2`, of a stream. */
const http1 = ['write', 'end', 'flushHeaders']
const compat = ['writeHead', 'write', 'end', 'flushHeaders']
const stream = ['respond', 'respondWithFile', 'respondWithFD', 'write', 'end']

/** Puts a refusal in the place of a response: its first call that would let bytes leave answers 503 instead. */
export function refuseAtBarrier(res: object, response: RefusableResponse): void {
  const target = res as unknown as Methods & { headersSent: boolean; writableEnded: boolean }
  const names = 'respond' in res ? stream : 'stream' in res ? compat : http1
  const before = names.map((name) => target[name])
  const open = () => {
    for (const [i, name] of names.entries()) target[name] = before[i]
  }
  for (const [i, name] of names.entries()) {
    target[name] = (...args) => {
      const error = response.gate?.refusal
      open()
      // Held bytes are replaced where they are.
      if (error === undefined || response.held) return before[i]?.apply(res, args)
      response.gate?.refusalTold()
      // More calls may follow a write. They are the handler's, not those of who answers the error.
      const answer = name === 'end' && !target.headersSent ? response.answerError() : undefined
      if (answer === undefined) refuse(res)
      else {
        if ('setHeader' in res) (res as unknown as ServerResponse).setHeader('retry-after', '1')
        answer(error)
      }
      if (answer === undefined || target.writableEnded) response.discardRefused()
      return name === 'write' ? true : res
    }
  }
}
