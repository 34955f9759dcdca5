import type { RequestView, TaskState } from '../views.ts'

/** A request as the page remembers it: also after the end of the process that had it. */
export interface RememberedRow extends RequestView {
  /** Names the request among those of all processes. */
  readonly key: string
  /** The process has ended before the request was over. */
  readonly isBroken?: boolean
}

/** The most requests that the page remembers: it may be open for weeks. */
const mostRows = 300

/** The states in which there is something left to do. */
const unfinished: ReadonlySet<TaskState> = new Set<TaskState>(['waiting', 'running', 'retrying'])

/** Tells whether something of a request goes on: its response was not sent, or a task has no outcome. */
export function isLive({ sent, tasks, isBroken }: RememberedRow): boolean {
  return isBroken !== true && (sent === undefined || tasks.some(({ state }) => unfinished.has(state)))
}

/** Adds requests, the newest first; a newer row takes the place of that of the same id. */
export function joinRows(rows: readonly RememberedRow[], newer: readonly RequestView[]): readonly RememberedRow[] {
  const added = newer.map((row) => ({ ...row, key: `${row.pid}-${row.id}` }))
  const keys = new Set(added.map(({ key }) => key))
  const all = [...added, ...rows.filter(({ key }) => !keys.has(key))]
  return all.sort((a, b) => b.at - a.at).slice(0, mostRows)
}

/** Notes that the process which had the requests has ended, and another one answers: what was in memory is lost. */
export function withoutProcess(rows: readonly RememberedRow[], living: number | undefined): readonly RememberedRow[] {
  return rows.map((row) => {
    if (row.pid === living || !isLive(row)) return row
    const tasks = row.tasks.map((task) =>
      unfinished.has(task.state) && !task.isKept ? { ...task, state: 'lost' as const } : task,
    )
    return { ...row, tasks, isBroken: true }
  })
}
