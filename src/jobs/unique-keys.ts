import type { Task } from '../task/task.ts'
import { setTimer } from '../timers.ts'

/**
 * The unique keys of jobs that are not kept: in this process, one task of a job has a key until that task has ended, or for a time after it was
 * done.
 */
export class UniqueKeys {
  readonly #holders = new Map<string, Task>()
  /** The keys that stay taken. */
  readonly #spent = new Set<string>()

  /**
   * Gives a key to a task; where another task has it, that one stands for this, which is cancelled.
   * @param uniqueFor the time in ms for which the key stays taken once the task is done
   */
  claim(task: Task, job: string, key: string, uniqueFor: number): void {
    const name = nameOf(job, key)
    const holder = this.#holders.get(name)
    if (holder !== undefined && (holder.state !== 'ended' || this.#spent.has(name))) {
      task.original = holder
      task.scope.runner.cancel(task, 'duplicate')
      return
    }
    this.#holders.set(name, task)
    void task.outcome.then(({ status }) => {
      if (this.#holders.get(name) !== task) return
      if (status !== 'done' || uniqueFor === 0) return void this.#holders.delete(name)
      this.#spent.add(name)
      // The timer does not hold the process.
      setTimer(() => this.#free(name), uniqueFor).unref?.()
    })
  }

  /** The task that has a key. */
  holder(job: string, key: string): Task | undefined {
    const holder = this.#holders.get(nameOf(job, key))
    return holder?.state === 'ended' ? undefined : holder
  }

  #free(name: string): void {
    this.#spent.delete(name)
    this.#holders.delete(name)
  }
}

const nameOf = (job: string, key: string) => JSON.stringify([job, key])
