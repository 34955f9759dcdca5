export { Afterword } from './afterword.ts'
export type { AddressedDefer, Defer } from './defer-signature.ts'
export { AfterwordError, type ErrorCode } from './errors.ts'
export { type Events, subscribe } from './events.ts'
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
export { type Batch, BatchError, type BatchHandler } from './jobs/batch.ts'
export type { Consumer } from './jobs/consumer.ts'
export type { InputOf, OutputOf } from './jobs/input.ts'
export type { DispatchedJob, Job, ThreadOptions } from './jobs/job.ts'
export type { Worker } from './jobs/worker.ts'
export { type ConsoleLike, logTo, type PinoLike, type WinstonLike } from './log-listener.ts'
export type { LoopDelay } from './loop-delay.ts'
export type { Measurements, Metrics } from './metrics.ts'
export type { Backoff, ExponentialBackoff } from './options/backoff.ts'
export type { BatchOptions } from './options/batch-options.ts'
export type { Debounce } from './options/debounce.ts'
export type { EngineOption } from './options/engine-option.ts'
export type { AfterwordOptions, DrainOptions, WorkOptions } from './options/instance-options.ts'
export type { EncryptOptions, JournalOptions } from './options/journal-options.ts'
export type { LogOptions } from './options/log-options.ts'
export type { MetricsOptions } from './options/metrics-options.ts'
export type { Rate } from './options/rate.ts'
export type { StandardSchema } from './options/standard-schema.ts'
export type {
  CallOptions,
  JobOptions,
  TaskOptions,
} from './options/task-options.ts'
export type { Transaction } from './options/transaction.ts'
export { bind } from './schedule/addressed.ts'
export type { DrainReport, UnfinishedTask } from './schedule/drain.ts'
export type { Histogram } from './schedule/histogram.ts'
export type { TaskMeasurements } from './schedule/meter.ts'
export type { RunHook, RunResult } from './schedule/run-hooks.ts'
export type { SlowTask } from './schedule/slow-tasks.ts'
export type { NamedTaskCounts, TaskCounts } from './schedule/tally.ts'
export type { SentResponse } from './sent-response.ts'
export type { Intake } from './shutdown.ts'
export type { Status } from './status.ts'
export type { CancelReason, Outcome } from './task/outcome.ts'
export type { ScopeResponse } from './task/response.ts'
export { Retry } from './task/retry.ts'
export type { CurrentTask, Deferred, Task } from './task/task.ts'
