import type { JobSettings } from '../options/task-options.ts'
import { isolatesRequests } from '../platform.ts'
import type { TaskBuffer } from '../task/definition.ts'
import type { Task } from '../task/task.ts'

/** The buffer of a job with lanes holds tasks in memory: those of one lane run one at a time, in the order in which their turns came. */
export class LaneBuffer implements TaskBuffer {
  readonly runsTasks = false
  /** The tasks that wait behind another one of their lane. */
  readonly #lanes = new Map<string, Task[]>()

  add(task: Task): boolean {
    task.isDue = true
    // Isolated requests can't wait for each other.
    if (isolatesRequests) return false
    const { lane: laneOf } = task.definition.settings as JobSettings
    const lane = String(laneOf?.(...(task.args as never[])))
    const waiting = this.#lanes.get(lane)
    if (waiting === undefined) {
      this.#lanes.set(lane, [])
      this.#nextAfter(task, lane)
      return false
    }
    task.scope.track(task)
    waiting.push(task)
    return true
  }

  flush(): void {}

  #nextAfter(task: Task, lane: string): void {
    void task.outcome.then(() => {
      const waiting = this.#lanes.get(lane) as Task[]
      let next = waiting.shift()
      while (next !== undefined && next.state === 'ended') next = waiting.shift()
      if (next === undefined) return void this.#lanes.delete(lane)
      this.#nextAfter(next, lane)
      next.scope.push(next)
    })
  }
}
