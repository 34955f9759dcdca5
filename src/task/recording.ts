import type { SentResponse } from '../sent-response.ts'
import type { Outcome } from './outcome.ts'
import type { Scope } from './scope.ts'
import type { Task } from './task.ts'

/** A recorder decides which requests are recorded, for people who look at them. There is none while nobody looks. */
export interface Recorder {
  /** A task was accepted. @returns the recording that follows the task; `undefined` where it is not recorded */
  record(task: Task): Recording | undefined
  /** Code of the scope has handed a call to the journal, for whichever process has room. */
  dispatched(scope: Scope, id: string, job: string): void
}

/** A recording follows the tasks of one request, or of one piece of work outside any request. */
export interface Recording {
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
