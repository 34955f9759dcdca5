import type { Task } from './task.ts'

/** The tasks of a scope that have a name of their own: the last task of a name wins. */
export class NamedTasks {
  readonly #tasks = new Map<string, Task>()

  /** Gives a name to a task. @returns the task that had the name before */
  replace(name: string, task: Task): Task | undefined {
    const earlier = this.#tasks.get(name)
    this.#tasks.set(name, task)
    return earlier
  }

  /** Frees the name of a task, if the task still has it. */
  delete(task: Task): void {
    const { name } = task.definition.settings
    if (name !== undefined && this.#tasks.get(name) === task) this.#tasks.delete(name)
  }
}
