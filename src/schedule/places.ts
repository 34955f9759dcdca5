import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { AfterwordSettings } from '../options/instance-options.ts'
import type { Task } from '../task/task.ts'
import { setTimer } from '../timers.ts'
import type { Backlog } from './backlog.ts'
import { rootContext } from './current.ts'

/** The time in ms within which one of the tasks has to end that take all places, while others wait. */
const longestStall = 10_000
/** The number of names that a report lists. */
const mostNamed = 3

/** The places of `concurrency`: each scope takes one whose task waits for a promise. Tasks that never end are reported when they take all. */
export class Places {
  /** `configure` may change them. */
  readonly #settings: AfterwordSettings
  readonly #backlog: Backlog
  readonly #othersWait: () => boolean
  #taken = 0
  #freed = 0
  #timer: NodeJS.Timeout | undefined
  #isTold = false

  /** @param othersWait scopes wait for a place */
  constructor(settings: AfterwordSettings, backlog: Backlog, othersWait: () => boolean) {
    this.#settings = settings
    this.#backlog = backlog
    this.#othersWait = othersWait
  }

  get areLeft(): boolean {
    return this.#taken < this.#settings.concurrency
  }

  take(): void {
    this.#taken++
    if (!this.areLeft && this.#timer === undefined) this.#watch()
  }

  free(): void {
    this.#taken--
    this.#freed++
  }

  /** Looks after a while whether a place was freed: a timer for each task would cost more than the task. */
  #watch(): void {
    const freed = this.#freed
    const look = () => {
      this.#timer = undefined
      if (this.#freed !== freed) this.#isTold = false
      if (this.areLeft || !this.#othersWait()) return
      if (this.#freed === freed) this.#tell()
      this.#watch()
    }
    this.#timer = rootContext.runInAsyncScope(setTimer, undefined, look, longestStall).unref()
  }

  #tell(): void {
    if (this.#isTold) return
    this.#isTold = true
    const running = [...this.#backlog.tasks()].filter(({ state }) => state === 'running')
    const values = [running.length, longestStall / 1000, this.#backlog.waiting, namesOf(running)]
    report(new AfterwordError('AFTERWORD_STALLED', values))
  }
}

/** Lists the most frequent names of tasks, each with its number. */
function namesOf(tasks: readonly Task[]): string {
  const counts = new Map<string, number>()
  for (const { name } of tasks) counts.set(name, (counts.get(name) ?? 0) + 1)
  const named = [...counts].sort(([, a], [, b]) => b - a)
  const first = named.slice(0, mostNamed).map(([name, count]) => `${count} of "${name}"`)
  return named.length > mostNamed ? `${first.join(', ')}, and others` : first.join(', ')
}
