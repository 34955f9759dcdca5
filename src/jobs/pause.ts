import type { Completion } from '../schedule/completion.ts'
import type { TaskPause } from '../task/definition.ts'
import type { Task } from '../task/task.ts'

/** The pause of a job: while it lasts, no run begins in this process. */
export class Pause implements TaskPause {
  readonly #completion: Completion
  #isOn = false
  /** The instance ends. */
  #isLeft = false
  #waiting: Task[] = []
  #onEnd = new Set<() => void>()

  constructor(completion: Completion) {
    this.#completion = completion
  }

  get isOn(): boolean {
    return this.#isOn
  }

  holds(task: Task): boolean {
    if (!this.#isOn) return false
    // A claim would take a place of other jobs, and an instance that ends waits for no task that a later process runs.
    if (task.record?.handBackEarly() || (this.#isLeft && task.record?.isAccepted)) this.#completion.unload(task)
    else {
      task.scope.track(task)
      task.postpone()
      this.#waiting.push(task)
    }
    return true
  }

  set(isOn: boolean): void {
    if (isOn === this.#isOn) return
    this.#isOn = isOn
    if (isOn) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const task of waiting) {
      if (task.state !== 'waiting') continue
      task.makeDue()
      task.scope.push(task)
    }
    const ended = this.#onEnd
    this.#onEnd = new Set()
    for (const call of ended) call()
  }

  /** Leaves the kept tasks that wait, and those that would wait from now on, to a later process: the instance ends. */
  leaveKept(): void {
    this.#isLeft = true
    for (const task of this.#waiting) {
      if (task.state === 'waiting' && task.record?.isAccepted) this.#completion.unload(task)
    }
  }

  /** Forgets the pause and all that waits: the instance has ended, and may be started anew. */
  clear(): void {
    this.#isOn = false
    this.#isLeft = false
    this.#waiting = []
    this.#onEnd = new Set()
  }

  /** Calls `call` once, when the pause ends. */
  whenOver(call: () => void): void {
    this.#onEnd.add(call)
  }
}
