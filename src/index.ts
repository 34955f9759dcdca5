export { Afterword, type Status } from './afterword.ts'
export { type Batch, BatchError, type BatchHandler } from './batch.ts'
export type { Defer } from './defer.ts'
export { AfterwordError, type ErrorCode } from './errors.ts'
export { type Events, subscribe } from './events.ts'
export type { InputOf, OutputOf, StandardSchema } from './input.ts'
export {
  batch,
  configure,
  currentTask,
  defer,
  finishRequest,
  instance,
  job,
  onSent,
  waitUntil,
} from './instance.ts'
export type { Job, ThreadOptions } from './job.ts'
export type { EncryptOptions, JournalOptions } from './journal-options.ts'
export type { AfterwordOptions, DrainOptions, WorkOptions } from './options.ts'
export type { CancelReason, Outcome } from './outcome.ts'
export type { ScopeResponse, SentResponse } from './response.ts'
export { type Backoff, type ExponentialBackoff, Retry } from './retry.ts'
export type { DrainReport, UnfinishedTask } from './scheduler.ts'
export type { Intake } from './shutdown.ts'
export type { SlowTask } from './slow-log.ts'
export type { CurrentTask, Deferred, Task } from './task.ts'
export type { BatchOptions, CallOptions, JobOptions, Rate, TaskOptions } from './task-options.ts'
export type { Worker } from './worker.ts'
