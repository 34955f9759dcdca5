import type { SentResponse } from '../../src/index.ts'

/** The properties that a task saw of itself. */
export interface Run {
  readonly task: string
  readonly request: SentResponse | null
  /** The client had its last byte, or was gone, although the task kept the thread from its first moment on. */
  readonly answeredFirst: boolean
}

/** The events of a program. */
export interface Account {
  readonly runs: readonly Run[]
  /** The codes of all reports. */
  readonly reports: readonly string[]
  /** The names of Node's warnings, such as `MaxListenersExceededWarning`. */
  readonly warnings: readonly string[]
  /** The tasks that a drain did not get done. */
  readonly left: readonly string[]
}

/** The run of a task of a GET that was answered as it should be, or as told. */
export function run(request: Partial<SentResponse> | null, task = 'task'): Run {
  const usual = { method: 'GET', path: '/', status: 200, delivered: true, aborted: false }
  return { task, request: request && { ...usual, ...request }, answeredFirst: true }
}

/** The account of a program in which these tasks ran, each once and in this order, and nothing else happened. */
export function account(runs: readonly Run[], reports: readonly string[] = []): Account {
  return { runs, reports, warnings: [], left: [] }
}
