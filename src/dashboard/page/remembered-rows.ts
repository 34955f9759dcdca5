import type { RequestView, TaskState, TaskView } from '../views.ts'

/** A task as the page remembers it. It is `kept` whose process has ended while a store has its call. */
export interface RememberedTask extends Omit<TaskView, 'state'> {
  readonly state: TaskState | 'kept'
  /** The process that ran it, where that is not the one of its request. */
  readonly runBy?: number
}

/** A request as the page remembers it: also after the end of the process that had it. */
export interface RememberedRow extends Omit<RequestView, 'tasks'> {
  /** Names the request among those of all processes. */
  readonly key: string
  readonly tasks: readonly RememberedTask[]
  /** The time at which the process was heard for the last time, where it has ended before the request was over. */
  readonly brokenAt?: number
}

/** The most requests that the page remembers: it may be open for weeks. */
const mostRows = 300

/** The states in which there is something left to do. */
const unfinished: ReadonlySet<string> = new Set<TaskState>(['waiting', 'running', 'retrying'])

/** Tells whether something of a request goes on: its response was not sent, or a task has no outcome. */
export function isLive({ sent, tasks, brokenAt }: RememberedRow): boolean {
  return (sent === undefined && brokenAt === undefined) || tasks.some(({ state }) => unfinished.has(state))
}

/** Tells a request from work outside one: jobs that were recovered or dispatched, timers. */
export const isRequest = ({ method }: RememberedRow): boolean => method !== undefined

/** Adds requests, the newest first; a newer row takes the place of that of the same id. */
export function joinRows(rows: readonly RememberedRow[], newer: readonly RequestView[]): readonly RememberedRow[] {
  const added = newer.map((row) => ({ ...row, key: `${row.pid}-${row.id}` }))
  const keys = new Set(added.map(({ key }) => key))
  const others = rows
    .filter(({ key }) => !keys.has(key))
    .map((row) => (row.brokenAt === undefined ? row : continued(row, newer)))
  return [...added, ...others].sort((a, b) => b.at - a.at).slice(0, mostRows)
}

/**
 * Notes that the process which had the requests has ended, and another one answers: what was in memory is lost.
 * @param heardAt the date at which the process was heard for the last time
 */
export function withoutProcess(
  rows: readonly RememberedRow[],
  living: number | undefined,
  heardAt: number,
): readonly RememberedRow[] {
  return rows.map((row) => {
    if (row.pid === living || !isLive(row)) return row
    const brokenAt = Math.max(row.sent ?? 0, heardAt - row.at)
    const tasks = row.tasks.map((task): RememberedTask => {
      if (!unfinished.has(task.state)) return task
      const attempts = task.attempts.map(({ to = Math.max(brokenAt, task.deferred), ...attempt }) => ({
        ...attempt,
        to,
      }))
      return { ...task, attempts, state: task.isKept ? 'kept' : 'lost' }
    })
    return { ...row, tasks, brokenAt }
  })
}

/** Takes over what another process does with the calls that a request has left in the store. */
function continued(row: RememberedRow, newer: readonly RequestView[]): RememberedRow {
  const found = new Map(
    newer.flatMap(({ at, pid, tasks }) => tasks.map((task) => [task.id, { at, pid, task }] as const)),
  )
  let isChanged = false
  const tasks = row.tasks.map((task): RememberedTask => {
    const next = task.state === 'kept' || task.runBy !== undefined ? found.get(task.id) : undefined
    if (next === undefined) return task
    isChanged = true
    const later = next.at - row.at
    const attempts = next.task.attempts.map(({ from, to, ...attempt }) => ({
      ...attempt,
      from: from + later,
      to: to === undefined ? undefined : to + later,
    }))
    const own = task.attempts.filter(({ from }) => from < (attempts[0]?.from ?? Infinity))
    return { ...task, state: next.task.state, attempts: [...own, ...attempts], runBy: next.pid }
  })
  return isChanged ? { ...row, tasks } : row
}
