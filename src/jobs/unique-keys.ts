import type { Task } from '../task/task.ts'

/** The unique keys of jobs that are not kept: in this process, one task of a job has a key until that task has ended. */
export class UniqueKeys {
  readonly #holders = new Map<string, Task>()

  /** Gives a key to a task; where another task has it, that one stands for this, which is cancelled. */
  claim(task: Task, job: string, key: string): void {
    const name = nameOf(job, key)
    const holder = this.holder(job, key)
    if (holder !== undefined) {
      task.original = holder
      task.scope.runner.cancel(task, 'duplicate')
      return
    }
    this.#holders.set(name, task)
    void task.outcome.then(() => this.#holders.get(name) === task && this.#holders.delete(name))
  }

  /** The task that has a key. */
  holder(job: string, key: string): Task | undefined {
    const holder = this.#holders.get(nameOf(job, key))
    return holder?.state === 'ended' ? undefined : holder
  }
}

const nameOf = (job: string, key: string) => JSON.stringify([job, key])
