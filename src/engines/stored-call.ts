import { storableKey } from '../journal/format/unique-key.ts'
import type { EngineCall } from './engine.ts'

/** A call, as it is in the data of a job of an engine. */
export interface StoredCall {
  readonly job: string
  readonly version: number
  readonly args: string
  readonly options?: string | undefined
  readonly expiresAt?: number | undefined
  /** The unique key, for people. */
  readonly key?: string | undefined
  /** The number of runs that have failed. */
  readonly attempt: number
  /** The engine's own count of runs, or of crashes, when a run was last heard of: what it counts beyond that was not heard of again. */
  readonly heard: number
  /** The reason why the call is listed as failed. */
  readonly reason?: string | undefined
}

export function storedCall({ job, version, args, options, expiresAt, attempt, uniqueKey }: EngineCall): StoredCall {
  const key = uniqueKey && storableKey(uniqueKey)
  return { job, version, args, options, expiresAt, key, attempt, heard: 0 }
}

/** A job of an engine, as far as it tells of a call. */
interface EngineJob {
  readonly id: string
  readonly data: unknown
  /** The engine's own count. */
  readonly count: number
}

/** Reads the call of a job; one that something else has put into the queue has no arguments that can be read. */
export function readCall({ id, data, count }: EngineJob, queue: string) {
  const stored = (typeof data === 'object' && data !== null ? data : {}) as Partial<StoredCall>
  const { job = queue, version = 1, args = '', options, expiresAt, attempt = 0, heard = 0 } = stored
  return { id, job, version, args, options, expiresAt, attempt, crashes: Math.max(0, count - heard) }
}

/** The text is an id of a call. */
export function isUuid(id: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id)
}
