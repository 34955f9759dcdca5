import { setImmediate } from '../../clock.ts'
import type { ResponseGate, ScopeResponse } from '../../task/response.ts'

/** A response whose bytes can be held. Its handler ends it, and Node's own response is ended; only the bytes wait. */
export interface HeldResponse extends ScopeResponse {
  /** The bytes that are written now wait for the end of the turn, and then for the gate. */
  readonly holdsBytes: boolean
  /** The handler has ended the response. */
  readonly ended: boolean
  /** Some bytes are held. */
  held: boolean
  /** Some bytes have left: from then on only a broken connection tells of a refusal. */
  begun: boolean
  /** Discards all further writes, and reports none of them: the response was refused. */
  discardRefused(): void
  /** A refusal was sent in place of the bytes. */
  answered?(error: unknown): void
}

/**
 * Held bytes are the bytes of one response that its socket, or its HTTP/2 stream, keeps until the gate lets them leave. The gate is asked at
 * the end of the turn: a job that is deferred after `end`, in the same turn, belongs to the response.
 */
export abstract class HeldBytes {
  protected response: HeldResponse | undefined
  #waits = false
  #hurried = false

  /** Holds bytes of a response. The immediate keeps the async context of the write, in which its callbacks are due. */
  protected hold(response: HeldResponse): void {
    this.response = response
    response.held = true
    setImmediate(settle, this)
  }

  /** Asks the gate, as often as something waits. */
  settle(): void {
    const { response } = this
    const gate = response?.gate
    if (response === undefined || gate === undefined) return
    if (gate.refusal !== undefined) {
      if (!isFailure(response.describe().status)) return this.#refuse(gate)
      gate.refusalTold()
    }
    const waits = response.ended && !this.#hurried ? gate.beforeEnd() : gate.beforeBytes()
    if (waits === undefined) return this.#leave()
    this.#waits = true
    waits.then(
      () => this.settle(),
      () => this.response?.gate === gate && this.settle(),
    )
  }

  /** The connection is about to end: the response waits for its records, and for no room in the backlog. */
  hurry(): void {
    this.#hurried = true
    if (this.#waits) this.settle()
  }

  /** Forgets the response: its bytes go nowhere any more. */
  protected forget(): void {
    if (this.response !== undefined) this.response.held = false
    this.response = undefined
    this.#waits = false
    this.#hurried = false
  }

  #leave(): void {
    const response = this.response as HeldResponse
    this.forget()
    this.release(response)
  }

  #refuse(gate: ResponseGate): void {
    const response = this.response as HeldResponse
    gate.refusalTold()
    this.forget()
    response.discardRefused()
    if (response.begun) this.breakOff()
    else this.answerRefusal(response)
  }

  /** Lets the bytes leave. */
  protected abstract release(response: HeldResponse): void
  /** Answers 503 in place of the bytes. */
  protected abstract answerRefusal(response: HeldResponse): void
  /** Breaks the response off, of which some bytes have left before. */
  protected abstract breakOff(): void
}

function settle(held: HeldBytes): void {
  held.settle()
}

/** A gate without a journal has no room for a response that has ended. */
export function waitsForRoom(gate: ResponseGate | undefined): boolean {
  return gate?.keeps === false && gate.beforeEnd() !== undefined
}

/** With a journal the bytes of every response are held until the end of their turn; without one, those for which there is no room. */
export function holdsBytes(gate: ResponseGate | undefined, ending: boolean): boolean {
  return gate?.keeps === true || (ending && waitsForRoom(gate))
}

/** A response with that status tells of no success: it stands beside a refused record. */
export function isFailure(status: number): boolean {
  return status >= 400
}

/** The error for callbacks of writes that come to nothing. */
export function writeFailure(): NodeJS.ErrnoException {
  return Object.assign(new Error('The response was closed before its bytes left.'), { code: 'ERR_STREAM_DESTROYED' })
}
