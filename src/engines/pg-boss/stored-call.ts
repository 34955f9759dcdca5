import { storableKey } from '../../journal/format/unique-key.ts'
import type { EngineCall } from '../engine.ts'
import type { BossJob } from './boss.ts'

/** A call, as it is in the `data` of a job of pg-boss. */
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
  /** The value of `retryCount` at which the next run begins: each run that began since then was not heard of again. */
  readonly heard: number
  /** The reason why the call is listed as failed. */
  readonly reason?: string
}

export function storedCall({ job, version, args, options, expiresAt, attempt, uniqueKey }: EngineCall): StoredCall {
  const key = uniqueKey && storableKey(uniqueKey)
  return { job, version, args, options, expiresAt, key, attempt, heard: 0 }
}

/** Reads the call of a job; one that something else has put into the queue has no arguments that can be read. */
export function readCall({ id, data, retryCount }: BossJob, queue: string) {
  const stored = (typeof data === 'object' && data !== null ? data : {}) as Partial<StoredCall>
  const { job = queue, version = 1, args = '', options, expiresAt, attempt = 0, heard = 0 } = stored
  return { id, job, version, args, options, expiresAt, attempt, crashes: Math.max(0, retryCount - heard) }
}

/** The text is an id of a job of pg-boss: Postgres refuses others. */
export function isUuid(id: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id)
}
