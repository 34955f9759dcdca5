import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import { breakOff, refuse } from '../refusal.ts'
import type { HeldResponse } from './held-bytes.ts'

type Method = (...args: unknown[]) => unknown
type Methods = Record<string, Method | undefined>

/**
 * Held calls stand in for held bytes on hosts that only pose as `node:http` or `node:http2`, and keep no bytes: Bun, Deno, the injected
 * requests of tests. The calls are made when the gate lets the bytes leave.
 */
export class HeldCalls {
  readonly #res: object
  readonly #response: HeldResponse
  #calls: (() => unknown)[] | undefined
  #ended = false

  constructor(res: object, response: HeldResponse) {
    this.#res = res
    this.#response = response
    const target = res as Methods
    const names = response.gate?.keeps ? ['respond', 'flushHeaders', 'write', 'end'] : ['end']
    for (const name of names) {
      const method = target[name]
      if (method !== undefined) target[name] = (...args) => this.#hold(name, () => method.apply(res, args))
    }
  }

  #hold(name: string, call: () => unknown): unknown {
    if (this.#ended) return this.#res
    const calls = this.#calls
    if (name === 'end') this.#ended = true
    if (calls === undefined && this.#waits() === undefined) return call()
    if (calls === undefined) void this.#wait([call])
    else calls.push(call)
    return name === 'write' ? false : this.#res
  }

  #waits(): Promise<unknown> | undefined {
    const { gate } = this.#response
    return this.#ended ? gate?.beforeEnd() : gate?.beforeBytes()
  }

  async #wait(calls: (() => unknown)[]): Promise<void> {
    this.#calls = calls
    try {
      for (let waits = this.#waits(); waits !== undefined; waits = this.#waits()) await waits
    } catch {
      this.#response.gate?.refusalTold()
      refuse(this.#res)
      return this.#response.discardRefused()
    }
    this.#calls = undefined
    try {
      for (const call of calls) call()
      if (!this.#ended) (this.#res as { emit?: Method }).emit?.('drain')
    } catch (cause) {
      breakOff(this.#res)
      this.#response.discardRefused()
      const { method, path } = this.#response.describe()
      report(new AfterwordError('AFTERWORD_RESPONSE_FAILED', [method, path], { cause }))
    }
  }
}
