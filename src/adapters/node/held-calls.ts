import { Writable } from 'node:stream'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { SentResponse } from '../../sent-response.ts'
import { breakOff } from '../refusal.ts'

const nowhere = new Writable({ decodeStrings: false, write: (_chunk, _encoding, done) => done() })

/** Checks a write. Throws the errors that Node throws at the call: later, there is no caller to throw to. */
export function checkWrite(chunk: unknown, encoding: unknown): void {
  // Most writes are plain, and need no check by Node.
  const isPlain = encoding === undefined || typeof encoding === 'function'
  if (isPlain && (typeof chunk === 'string' || chunk instanceof Uint8Array)) return
  nowhere.write(chunk, (typeof encoding === 'function' ? undefined : encoding) as BufferEncoding)
}

/** Checks an end, as `checkWrite` does. An end needs no chunk, and on HTTP/1 takes every falsy value for none. */
export function checkEnd(res: object, chunk: unknown, encoding: unknown): void {
  const isHttp2 = 'stream' in res || 'respond' in res
  const isNone = typeof chunk === 'function' || (isHttp2 ? chunk === undefined || chunk === null : !chunk)
  if (!isNone) checkWrite(chunk, encoding)
}

/** Makes the calls that have waited. If one throws all the same, the response is broken off: the client must not take a part for the whole. */
export function carryOut(
  res: object,
  response: { describe(): SentResponse; discardWrites(): void },
  calls: readonly (() => unknown)[],
): void {
  try {
    for (const call of calls) call()
  } catch (cause) {
    breakOff(res)
    response.discardWrites()
    const { method, path } = response.describe()
    report(new AfterwordError('AFTERWORD_RESPONSE_FAILED', [method, path], { cause }))
  }
}
