export { Afterword, type Status } from './afterword.ts'
export type { Defer } from './defer.ts'
export { AfterwordError, type ErrorCode } from './errors.ts'
export { type Events, subscribe } from './events.ts'
export {
  configure,
  currentTask,
  defer,
  finishRequest,
  instance,
  job,
  onSent,
  waitUntil,
} from './instance.ts'
export type { Job, JobOptions } from './job.ts'
export type { AfterwordOptions, DrainOptions, TaskOptions } from './options.ts'
export type { Backoff, ExponentialBackoff } from './retry.ts'
export type { DrainReport, UnfinishedTask } from './scheduler.ts'
export type { ScopeResponse, SentResponse } from './scope.ts'
export type { Intake } from './shutdown.ts'
export type { CancelReason, CurrentTask, Deferred, Outcome, Task } from './task.ts'
