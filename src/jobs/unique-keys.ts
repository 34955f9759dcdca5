import type { Task } from '../task/task.ts'

/** The unique keys of jobs that are not kept: in this process, one task of a job has a key until that task has ended. */
export class UniqueKeys {
  readonly #holders = new Map<string, Task>()

  /** Gives a key to a task; where another task has it, that one stands for this, which is cancelled. */
  claim(task: Task, job: string, key: string): void {
    const name = JSON.stringify([job, key])
    const holder = this.#holders.get(name)
    if (holder !== undefined && holder.state !== 'ended') {
      task.original = holder
      task.scope.runner.cancel(task, 'duplicate')
      return
    }
    this.#holders.set(name, task)
    void task.outcome.then(() => this.#holders.get(name) === task && this.#holders.delete(name))
  }
}
