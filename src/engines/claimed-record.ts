import { type Outcome, troubleText } from '../task/outcome.ts'
import type { JobRecord } from '../task/record.ts'
import type { Ending, EngineClaim } from './engine.ts'

/** A record that this process has claimed from the engine. */
export class ClaimedRecord implements JobRecord {
  readonly isShared = false
  readonly hasLeft = false
  readonly isClaim = true
  readonly isAccepted = true
  readonly refusal = undefined
  readonly ready = undefined
  readonly #claim: EngineClaim
  readonly #ended: (settled: Promise<void>) => void
  #isSettled = false

  /** @param ended is called once, with what resolves when the end of the run is stored */
  constructor(claim: EngineClaim, ended: (settled: Promise<void>) => void) {
    this.#claim = claim
    this.#ended = ended
  }

  get id(): string {
    return this.#claim.id
  }

  get accepted(): Promise<void> {
    return Promise.resolve()
  }

  get entered(): Promise<void> {
    return Promise.resolve()
  }

  submit(): void {}
  // The engine counts the runs of which no end is heard.
  markStarted(): undefined {}
  noteResponse(): void {}

  retry(attempt: number, delay: number, outcome: Outcome): void {
    this.#settle({ type: 'retried', attempt, delay, error: troubleText(outcome) })
  }

  finish(outcome: Outcome, attempt: number): void {
    switch (outcome.status) {
      case 'failed':
      case 'timed-out':
        return this.#settle({ type: 'failed', attempt, reason: outcome.status, error: troubleText(outcome) })
      case 'cancelled':
        // The host had no time left for the run.
        return this.#settle({ type: outcome.reason === 'host' ? 'handed-back' : 'done' })
      case 'done':
        return this.#settle({ type: 'done' })
    }
  }

  handBackEarly(): boolean {
    this.handBack()
    return true
  }

  handBack(): void {
    this.#settle({ type: 'handed-back' })
  }

  #settle(ending: Ending): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#ended(this.#claim.settle(ending))
  }
}
