import { clock } from '../clock.ts'
import type { JobRecord } from './record.ts'
import type { Host } from './response.ts'
import { Scope } from './scope.ts'
import type { ScopeRunner } from './scope-runner.ts'
import type { Task } from './task.ts'

/** The scope of a claim whose host ends all work at a moment of its own: the consumer of a queue does, with its invocation. */
export class HostedScope extends Scope {
  readonly #host: Host
  readonly #records: JobRecord[] = []
  #settled: PromiseWithResolvers<void> | undefined

  constructor(runner: ScopeRunner, host: Host) {
    super(runner)
    this.#host = host
  }

  override get timeLeft(): number {
    const { deadline } = this.#host
    return deadline === undefined ? Infinity : Math.max(0, deadline - clock.now())
  }

  /** Makes the host wait for a record. */
  override expect(record: JobRecord): void {
    this.#host.waitUntil?.(record.accepted)
  }

  protected override opened(): void {
    this.#settled = Promise.withResolvers()
    this.#host.waitUntil?.(this.#settled.promise)
  }

  protected override added({ record }: Task): void {
    if (record !== undefined && !record.isClaim) this.#records.push(record)
  }

  /** Tells the host that no task is left, and whether the calls that were deferred by the tasks are kept. */
  protected override settle(): void {
    const { refusal } = this.#records.find((record) => record.refusal !== undefined) ?? {}
    if (refusal === undefined) this.#settled?.resolve()
    else this.#settled?.reject(refusal)
  }
}
