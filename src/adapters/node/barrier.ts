import type { ServerResponse } from 'node:http'
import { refuse } from '../refusal.ts'
import { type HeldResponse, isFailure } from './held-bytes.ts'

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
      // The handler, or who answers its errors, tells of no success: that answer stands.
      if (error !== undefined && isFailure(statusOf(name, args, response))) {
        response.gate?.refusalTold()
        return before[i]?.apply(res, args)
      }
      // Held bytes are replaced where they are.
      if (error === undefined || response.held) return before[i]?.apply(res, args)
      response.gate?.refusalTold()
      // More calls may follow a write. They are the handler's, not those of who answers the error.
      const answer = name === 'end' && !target.headersSent ? response.answerError() : undefined
      if (answer === undefined) refuse(res)
      else {
        if ('setHeader' in res) prepareHeaders(res as unknown as ServerResponse)
        answer(error)
      }
      if (answer === undefined || target.writableEnded) response.discardRefused()
      return name === 'write' ? true : res
    }
  }
}

/** The status with which a call begins a response. */
function statusOf(name: string, [first]: readonly unknown[], response: RefusableResponse): number {
  if (name === 'writeHead') return Number(first)
  const status = name === 'respond' ? (first as { ':status'?: unknown } | undefined)?.[':status'] : undefined
  return Number(status ?? response.describe().status)
}

/** The headers that describe the success which is not sent, or let it be kept. */
const ofSuccess = [
  'content-type',
  'content-length',
  'content-encoding',
  'content-disposition',
  'etag',
  'last-modified',
  'cache-control',
  'expires',
  'location',
  'set-cookie',
]

function prepareHeaders(res: ServerResponse): void {
  for (const name of ofSuccess) res.removeHeader(name)
  res.setHeader('retry-after', '1')
}
