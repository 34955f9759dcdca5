import { clock } from '../../clock.ts'
import type { Ending, EngineCall } from '../engine.ts'
import type { Message, Outgoing } from './queue.ts'

/** The longest time in ms for which a message is delayed at once. The platform takes a day, and forgets messages after a day on its free plan. */
const longestDelay = 12 * 3_600_000

/** A call, as it is in the body of a message. */
export interface MessageBody {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly args: string
  readonly options?: string | undefined
  readonly expiresAt?: number | undefined
  /** The number of runs that have failed. */
  readonly attempt: number
  /** The moment by `Date.now()` before which the call does not run. */
  readonly due?: number | undefined
  /** The number of times that the call came to a consumer which does not know its job. */
  readonly waits?: number | undefined
  /** The reason why the call is a dead letter, its last error, and the moment by `Date.now()`. */
  readonly reason?: string
  readonly error?: string
  readonly failedAt?: number
}

/** Makes the message of a call. */
export function outgoing(call: Omit<EngineCall, 'uniqueKey'>, waits?: number): Outgoing & { body: MessageBody } {
  const { id, job, version, args, options, expiresAt, attempt, delay } = call
  const due = delay > 0 ? clock.date() + delay : undefined
  return {
    body: { id, job, version, args, options, expiresAt, attempt, due, waits },
    delaySeconds: Math.ceil(Math.min(delay, longestDelay) / 1000),
  }
}

/** Reads the call of a message; `undefined` if that is no call. A dead letter begins anew. */
export function readCall({ body }: Message): MessageBody | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const call = body as MessageBody
  const isCall = [call.id, call.job, call.args].every((text) => typeof text === 'string')
  if (!isCall || ![call.version, call.attempt].every(Number.isInteger)) return undefined
  return call.reason === undefined ? call : { ...call, attempt: 0 }
}

/** The most characters of the error in a dead letter, and in that of a large call. */
const mostOfError = 4000
const mostOfErrorIfLarge = 300
/** The length of stored arguments from which on a call is large. */
const large = 60_000

/** Makes the body of a call that has failed for good. */
export function deadLetter(call: MessageBody, { attempt, reason, error }: Ending & { type: 'failed' }): MessageBody {
  const most = call.args.length > large ? mostOfErrorIfLarge : mostOfError
  return { ...call, attempt, reason, error: error.slice(0, most), failedAt: clock.date() }
}
