import { AsyncResource } from 'node:async_hooks'
import { clock } from '../clock.ts'
import type { AfterwordError } from '../errors.ts'
import type { SentResponse } from '../sent-response.ts'
import type { Outcome } from './outcome.ts'
import type { JobRecord } from './record.ts'
import type { Recording } from './recording.ts'
import type { Host, ResponseGate, ScopeResponse } from './response.ts'
import { Scope } from './scope.ts'
import type { ScopeRunner } from './scope-runner.ts'
import type { Task } from './task.ts'

/** The scope of a request runs its tasks once the response was sent, and is the gate of that response. */
export class RequestScope extends Scope implements ResponseGate {
  readonly host: Host | undefined
  /** The handler has ended the response, and the backlog lets it leave: its tasks count from then on. */
  released = false
  /** Tasks that have not begun while the response is not released. */
  notDue = 0
  /** Tasks that are due, and wait for the response to be sent. */
  coming = 0
  /** The async context in which the scope was opened, where the adapter keeps it. */
  context: AsyncResource | undefined
  /** The moment by `performance.now()` at which the scope was opened, as far as somebody records scopes. */
  readonly openedAt: number | undefined
  /** Follows the tasks; null where a recorder left this request out. */
  recording: Recording | null | undefined

  #response: ScopeResponse | undefined
  #asked = false
  #atSent: Task[] | undefined
  /** Records that the response has to wait for. */
  #records: JobRecord[] | undefined
  /** Records whose `when` asks what became of the response. */
  #asking: JobRecord[] | undefined
  #isSent = false
  /** The response waits until its records are stored. */
  #isHeld = false
  /** Resolves when the backlog has room for the tasks. */
  #room: Promise<unknown> | undefined
  /** The tasks whose outcomes `finish` tells. */
  #finishing: Task[] | undefined
  #settled: PromiseWithResolvers<void> | undefined

  constructor(runner: ScopeRunner, response: ScopeResponse) {
    super(runner)
    this.state = 'open'
    this.#response = response
    this.host = response.host
    this.openedAt = runner.current.recorder === undefined ? undefined : clock.now()
  }

  override get response(): SentResponse | undefined {
    if (this.#isSent || this.#response === undefined) return this.sent
    return { ...this.#response.describe(), status: 0, delivered: false }
  }

  get keeps(): boolean {
    return this.runner.keeps
  }

  get busy(): boolean {
    return this.unfinished > 0
  }

  override get timeLeft(): number {
    const deadline = this.host?.deadline
    return deadline === undefined ? Infinity : Math.max(0, deadline - clock.now())
  }

  override addBeside(task: Task, when: 'now' | 'sent'): void {
    if (when === 'now' || this.state !== 'open') return super.addBeside(task, when)
    this.accept(task)
    this.track(task)
    ;(this.#atSent ??= []).push(task)
  }

  /** Makes the response wait for a record. */
  override expect(record: JobRecord): void {
    if (this.state !== 'open') return
    // Most responses have one record, for which a list that grows would be too long.
    if (this.#records === undefined) this.#records = [record]
    else this.#records.push(record)
    this.#askWhenSent()
    if (record.refusal !== undefined) this.refused()
  }

  /** A record was refused that the response waits for. */
  override refused(): void {
    if (this.refusal !== undefined) this.#response?.refused?.()
  }

  get refusal(): AfterwordError | undefined {
    if (this.#records !== undefined) for (const { refusal } of this.#records) if (refusal !== undefined) return refusal
    return undefined
  }

  refusalTold(): void {
    this.#records = this.#records?.filter(({ refusal }) => refusal === undefined)
  }

  beforeEnd(): Promise<unknown> | undefined {
    if (this.state !== 'open') return undefined
    const stored = this.beforeBytes()
    const room = this.released ? undefined : (this.#room ??= this.runner.roomFor(this))
    return stored === undefined || room === undefined ? (stored ?? room) : Promise.all([stored, room])
  }

  beforeBytes(): Promise<unknown> | undefined {
    if (this.state !== 'open' || this.#records === undefined) return undefined
    let waits: Promise<unknown>[] | undefined
    for (const record of this.#records) if (!record.isAccepted) (waits ??= []).push(record.accepted)
    if (waits === undefined) this.#records = undefined
    if (waits === undefined) return undefined
    const stored = waits.length === 1 ? (waits[0] as Promise<unknown>) : Promise.all(waits)
    this.#hold(stored)
    return stored
  }

  #hold(stored: Promise<unknown>): void {
    if (this.#isHeld) return
    this.#isHeld = true
    this.runner.backlog.heldForRecords++
    const letGo = () => {
      this.#isHeld = false
      this.runner.backlog.heldForRecords--
    }
    stored.then(letGo, letGo)
  }

  /** Ends the response, and resolves when no task is left: with the outcomes of those in the queue, in the order of `defer`. */
  async finish(): Promise<Outcome[]> {
    this.#response?.end()
    const tasks = (this.#finishing ??= [...this.queue])
    this.#askWhenSent()
    await this.settled()
    this.#finishing = undefined
    return Promise.all(tasks.map((task) => task.outcome))
  }

  /** Notes how the response stands before it was sent, for tasks that run now. */
  describe(changes?: Partial<SentResponse>): SentResponse {
    this.sent = { ...(this.#response as ScopeResponse).describe(), ...changes }
    return this.sent
  }

  /** The response was sent, or is given up: the tasks may run. */
  release(): void {
    if (this.state !== 'open') return
    this.#response = undefined
    this.state = 'idle'
    this.runner.released(this)
    for (const task of this.#atSent ?? []) this.runner.start(task)
    this.#atSent = undefined
    // A callback of `onSent` that has deferred a task has resumed the scope.
    if (this.state === 'idle') this.resume()
    this.settle()
  }

  settled(): Promise<void> {
    if (!this.busy && this.state !== 'open') return Promise.resolve()
    this.#settled ??= Promise.withResolvers()
    return this.#settled.promise
  }

  keepContext(): void {
    this.context = new AsyncResource('AfterwordRequest')
  }

  enter<A extends unknown[], R>(fn: (...args: A) => R, self: unknown, ...args: A): R {
    return this.runner.current.enterRequest(this, fn, self, args)
  }

  protected override opened(): void {
    this.host?.waitUntil?.(this.settled())
    this.#askWhenSent()
  }

  protected override added(task: Task): void {
    this.#finishing?.push(task)
    if (task.record === undefined) return
    this.expect(task.record)
    if (!this.#isSent && task.definition.settings.when !== 'always') (this.#asking ??= []).push(task.record)
  }

  protected override settle(): void {
    if (this.busy || this.state === 'open') return
    this.#settled?.resolve()
    this.#settled = undefined
  }

  #askWhenSent(): void {
    if (this.#asked || this.#response === undefined) return
    this.#asked = true
    this.#response.whenSent((sent) => {
      this.sent = sent
      this.#isSent = true
      this.recording?.sent(sent)
      for (const record of this.#asking ?? []) record.noteResponse(sent)
      this.#asking = undefined
      this.runner.releaseLater(this)
    })
  }
}
