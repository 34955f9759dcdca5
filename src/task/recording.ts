import type { SentResponse } from '../sent-response.ts'
import type { Outcome } from './outcome.ts'
import type { Scope } from './scope.ts'
import type { Task } from './task.ts'

/** A recorder decides which scopes are recorded, for people who look at requests. There is none while nobody looks. */
export interface Recorder {
  /** The scope has its first task, or has handed its first call to the journal. @returns null for a scope that is not recorded */
  record(scope: Scope, task: Task | undefined): Recording | null
}

/** A recording follows the tasks of one scope. */
export interface Recording {
  /** The scope has one more task. */
  added(task: Task): void
  /** The code of the scope has handed a call to the journal, for whichever process has room. */
  dispatched(id: string, job: string): void
  /** The response was sent, or its client has gone. */
  sent(response: SentResponse): void
  /** An attempt begins. */
  began(task: Task): void
  /** The attempt has ended. */
  attempted(task: Task, outcome: Outcome): void
  /** Another attempt follows. */
  retries(task: Task): void
  /** The task has its outcome. */
  ended(task: Task, outcome: Outcome): void
}
