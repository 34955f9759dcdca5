import { AfterwordError } from './errors.ts'

const states = ['new', 'running', 'draining', 'stopping', 'closed'] as const
type State = (typeof states)[number]

/**
 * The lifecycle holds the only state of an instance. It moves forward, until `configure` starts a closed instance anew.
 *
 *     new ────────► running ────────► draining ────────► stopping ────────► closed
 *      ▲  first use          a shutdown         the tasks had      close()    │
 *      │                     begins             their time                    │
 *      └────────────────────────────── configure ◄────────────────────────────┘
 *
 * - `new`: options can be set, once.
 * - `running`: tasks are accepted and run.
 * - `draining`: tasks are accepted and run. A stored task that waits for a retry is left to the next process.
 * - `stopping`: no stored task begins any more, since its outcome could not be stored.
 * - `closed`: no task is accepted.
 */
export class Lifecycle {
  #state: State = 'new'
  #isConfigured = false
  #drains = 0
  /** Called at the first use. */
  onUse = () => {}

  get state(): State {
    return this.#state
  }

  /** The instance is at that state, or past it. */
  isPast(state: State): boolean {
    return states.indexOf(this.#state) >= states.indexOf(state)
  }

  /** @param call the name of a call that needs an instance which is not closed @throws AfterwordError `AFTERWORD_CLOSED` */
  requireOpen(call: string): void {
    if (this.#state === 'closed') throw new AfterwordError('AFTERWORD_CLOSED', [call])
  }

  /** Notes the first use: from then on options can't be set. */
  use(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.onUse()
  }

  advance(state: 'draining' | 'stopping' | 'closed'): void {
    if (!this.isPast(state)) this.#state = state
  }

  /** Options were set, and the instance has not closed since. */
  get isConfigured(): boolean {
    return this.#isConfigured && this.#state !== 'closed'
  }

  /** @throws AfterwordError `AFTERWORD_ALREADY_STARTED` where options can't be set */
  requireConfigurable(): void {
    const isFresh = this.#state === 'new' && !this.#isConfigured
    if (!isFresh && this.#state !== 'closed') throw new AfterwordError('AFTERWORD_ALREADY_STARTED')
  }

  /** Starts the instance with the options that were set. */
  restart(): void {
    this.#state = 'new'
    this.#isConfigured = true
  }

  /** A caller waits until no task is left: retries are tried at once. That can happen in any state, more than once at a time. */
  get hasDrains(): boolean {
    return this.#drains > 0
  }

  /** Calls `fn` as one of the drains. */
  async drain<T>(fn: () => Promise<T>): Promise<T> {
    this.#drains++
    try {
      return await fn()
    } finally {
      this.#drains--
    }
  }
}
