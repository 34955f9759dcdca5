import { clock } from '../../clock.ts'
import type { Overview, ShownState, StateCount } from '../../journal/inspection/listed.ts'
import type { Metrics } from '../../metrics.ts'
import type { Task } from '../../task/task.ts'
import type { JobDetailsView, JobsPage, JobView } from '../views.ts'
import type { Desk, PageRequest } from './record-desk.ts'

/** The desk of a process without a store: lists the unfinished tasks in its memory, the newest first. What has ended is gone. */
export class MemoryDesk implements Desk {
  readonly unreadable: readonly string[] = []
  readonly #metrics: Metrics

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  get latest(): Overview {
    const counts = new Map<string, StateCount & { count: number }>()
    for (const task of this.#tasks) {
      const [job, state] = [task.countedAs, stateOf(task)]
      const key = JSON.stringify([job, state])
      const known = counts.get(key)
      if (known === undefined) counts.set(key, { job, state, count: 1 })
      else known.count++
    }
    return { counts: [...counts.values()], processes: [], suspects: [], paused: [] }
  }

  async page({ state, job, search, cursor, limit }: PageRequest): Promise<JobsPage> {
    const wanted = search?.toLowerCase()
    const tasks = this.#tasks
      .filter(
        (task) => (state === undefined || stateOf(task) === state) && (job === undefined || task.countedAs === job),
      )
      .filter((task) => wanted === undefined || task.id === search || task.name.toLowerCase().includes(wanted))
      .sort((a, b) => b.serial - a.serial)
    // Tasks come and go between two pages: the cursor is the number of the last task that was listed, and not a position.
    const before = cursor === undefined ? Infinity : Number(cursor)
    const rest = tasks.filter(({ serial }) => serial < before)
    const shown = rest.slice(0, limit)
    return {
      jobs: shown.map(viewOf),
      next: rest.length > limit ? String(shown.at(-1)?.serial) : undefined,
      counts: this.latest.counts,
      matching: tasks.length,
    }
  }

  async find(id: string): Promise<JobDetailsView | undefined> {
    const task = this.#tasks.find((task) => task.id === id)
    if (task === undefined) return undefined
    const { length } = task.args
    return {
      ...viewOf(task),
      version: 1,
      pid: process.pid,
      key: undefined,
      lane: undefined,
      reason: undefined,
      args: length === 0 ? '(none)' : `(${length} argument${length === 1 ? '' : 's'}, hidden)`,
      isRevealed: false,
      options: undefined,
      stack: undefined,
      history: [],
    }
  }

  change<T>(call: (writer: never) => Promise<T>): Promise<T> {
    const nothing = async function* (ids: readonly string[] = []) {
      yield ids.map((id) => ({ id, done: false }))
    }
    const cancel = (id: string) => this.#tasks.find((task) => task.id === id)?.cancel() ?? false
    const discard = async function* (ids: readonly string[] = []) {
      yield ids.map((id) => ({ id, done: cancel(id) }))
    }
    return call({ retry: nothing, run: nothing, discard } as never)
  }

  closeIdle(): void {}

  get #tasks(): Task[] {
    return [...this.#metrics.tasks].filter(({ definition }) => !definition.internal)
  }
}

function stateOf(task: Task): ShownState {
  if (task.state === 'running') return 'running'
  return task.dueSince === Infinity ? 'later' : 'pending'
}

function viewOf(task: Task): JobView {
  const created = Math.round(clock.date() - clock.now() + task.scope.since)
  const common = { runAt: undefined, failedAt: undefined, error: undefined }
  return { id: task.id, job: task.countedAs, state: stateOf(task), attempt: task.attempt, created, ...common }
}
