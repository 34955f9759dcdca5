/** The options of a job, as they are added with it. */
interface JobOptions {
  readonly jobId: string
  readonly delay?: number
  readonly deduplication?: { readonly id: string }
}

export interface NewJob {
  readonly name: string
  readonly data: object
  readonly opts: JobOptions
}

/** A job of BullMQ. */
export interface BullJob {
  readonly id?: string | undefined
  readonly name: string
  readonly data: unknown
  readonly opts: object
  readonly timestamp: number
  readonly finishedOn?: number | undefined
  /** The number of times that a worker of it was taken for dead. */
  readonly stalledCounter: number
  readonly stacktrace: readonly string[] | null
  /** Stores that the job is done. @returns the next job, if `fetchNext` */
  moveToCompleted(value: unknown, token: string, fetchNext?: boolean): Promise<unknown>
  moveToWait(token: string): Promise<unknown>
  /** Makes a delayed job wait. Rejects where it is not delayed. */
  promote(): Promise<unknown>
}

/** The commands of BullMQ that store what becomes of a run: each is fenced by the token of the run. */
export interface BullBackend {
  moveToDelayed(
    id: string,
    now: number,
    delay: number,
    token: string,
    options: { readonly fieldsToUpdate: object },
  ): Promise<unknown>
  moveToFailed(
    job: never,
    reason: string,
    removeOnFail: never,
    token: string,
    fetchNext: boolean,
    fieldsToUpdate: object,
  ): Promise<unknown>
  close(force: boolean): Promise<void>
}

interface BullBase {
  readonly name: string
  /** Makes the name of a key of the queue. */
  toKey(type: string): string
  close(): Promise<void>
}

export interface BullQueue extends BullBase {
  on(event: 'error', listener: (error: Error) => void): unknown
  add(name: string, data: object, options: JobOptions): Promise<BullJob>
  addBulk(jobs: NewJob[]): Promise<readonly BullJob[]>
  getJob(id: string): Promise<BullJob | undefined>
  getJobs(types: never, start: number, end: number, ascending: boolean): Promise<readonly (BullJob | undefined)[]>
  getJobState(id: string): Promise<string>
  getJobCounts(...types: never[]): Promise<Readonly<Record<string, number>>>
}

export interface BullWorker extends BullBase {
  concurrency: number
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'active' | 'completed' | 'failed', listener: (job: never) => void): unknown
  pause(doNotWaitActive: boolean): Promise<void>
  resume(): Promise<void>
  getBackend(): BullBackend
}

type Run = (job: never, token?: string) => Promise<void>

/** The part of the package bullmq that is used. */
export interface BullPackage {
  Queue: new (name: string, options: { connection: never; prefix: string }) => BullQueue
  Worker: new (name: string, run: Run, options: { connection: never; prefix: string }) => BullWorker
  /** The error by which a run tells its worker that what becomes of the job is stored already. */
  WaitingError: new () => Error
}
