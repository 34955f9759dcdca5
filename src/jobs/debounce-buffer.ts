import { clearTimeout, clock } from '../clock.ts'
import type { Debounce } from '../options/debounce.ts'
import type { JobSettings } from '../options/task-options.ts'
import { isolatesRequests } from '../platform.ts'
import { rootContext } from '../schedule/current.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import type { TaskBuffer } from '../task/definition.ts'
import type { Task } from '../task/task.ts'
import { longestTime, setTimer } from '../timers.ts'

interface Waiting {
  readonly task: Task
  /** The moment at which the first task of the run came, by `performance.now()`. */
  readonly first: number
  readonly timer: NodeJS.Timeout
}

/** The buffer of a debounced job holds tasks in memory: of those with one key, the last one runs. */
export class DebounceBuffer implements TaskBuffer {
  readonly runsTasks = false
  readonly #scheduler: Scheduler
  readonly #waiting = new Map<string, Waiting>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    scheduler.buffers.add(this)
  }

  add(task: Task): boolean {
    task.isDue = true
    const { debounce } = task.definition.settings as JobSettings
    const key = keyOf(task)
    const { quiet, longest = longestTime } = debounce as Debounce
    const earlier = this.#waiting.get(key)
    if (earlier !== undefined) this.#remove(key, earlier)
    const wasWaiting = earlier !== undefined && this.#scheduler.cancel(earlier.task, 'replaced')
    // Isolated requests share no run, and a drain waits for no further call.
    if (isolatesRequests || this.#scheduler.lifecycle.hasDrains) return false
    const now = clock.now()
    const first = wasWaiting ? earlier.first : now
    const wait = Math.max(0, Math.min(quiet, first + longest - now))
    task.scope.track(task)
    task.postpone()
    const timer = rootContext.runInAsyncScope(setTimer, undefined, () => this.#letGo(key), wait)
    this.#waiting.set(key, { task, first, timer })
    return true
  }

  flush(): void {
    for (const key of [...this.#waiting.keys()]) this.#letGo(key)
  }

  #letGo(key: string): void {
    const waiting = this.#waiting.get(key) as Waiting
    this.#remove(key, waiting)
    const { task } = waiting
    if (task.state !== 'waiting') return
    task.makeDue()
    task.scope.push(task)
  }

  #remove(key: string, { timer }: Waiting): void {
    clearTimeout(timer)
    this.#waiting.delete(key)
  }
}

/** The key of a debounced task that has not ended. */
export function keyOf({ definition, args }: Task): string {
  const { key } = definition.settings as JobSettings
  return typeof key === 'function' ? key(...(args as never[])) : String(key)
}
