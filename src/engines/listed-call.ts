import { clock } from '../clock.ts'
import type { ListedRecord, ShownRecord, State } from '../journal/inspection/listed.ts'
import type { StoredCall } from './stored-call.ts'

/** The part of a listed call that its engine tells. */
interface EngineState {
  readonly id: string
  /** The name of its queue, for a job of another program that is there. */
  readonly queue: string
  readonly state: State
  /** Moments by `Date.now()`. */
  readonly created: number
  readonly runAt: number
  readonly endedAt: number | undefined
  /** The last error, with its stack. */
  readonly error: string | undefined
}

/** Makes what people see of a call that an engine has. @param data that of the job */
export function listedCall(data: unknown, told: EngineState): ListedRecord {
  const { id, queue, state, created, runAt, endedAt, error } = told
  const stored = (typeof data === 'object' && data !== null ? data : {}) as Partial<StoredCall>
  const { job = queue, version = 1, args = '', options, key, attempt = 0, reason } = stored
  return {
    id,
    job,
    version,
    state,
    args,
    ...(options !== undefined && { options }),
    ...(key !== undefined && { key }),
    created,
    attempt,
    runAt,
    ...(state === 'failed' && endedAt !== undefined && { failedAt: endedAt, reason: reason ?? 'failed' }),
    ...(error !== undefined && { error }),
  }
}

/** Makes a listed call one of a page: a pending one whose time is to come is shown as `later`. */
export function shownCall(record: ListedRecord): ShownRecord {
  const isLater = record.state === 'pending' && (record.runAt ?? 0) > clock.date()
  return { ...record, state: isLater ? 'later' : record.state }
}
