import { clock } from '../../clock.ts'
import type { JobCall } from '../../task/record.ts'
import type { RecordMore, RecordRow } from '../files/log-format.ts'
import { owner } from '../files/schema.ts'
import type { Notes } from '../format/notes.ts'
import type { Claims } from './claims.ts'
import type { Codec } from './codec.ts'
import type { RecordIds } from './record-ids.ts'
import type { RecordQueue } from './record-queue.ts'
import { StoredRecord } from './stored-record.ts'
import type { WriteQueue } from './write-queue.ts'

interface RecordMakerParts {
  /** The number of this process. */
  readonly process: number
  readonly ids: RecordIds
  readonly codec: Codec
  readonly accepting: RecordQueue
  /** The queue of the shared database; `undefined` where new records are accepted there. */
  readonly forward: WriteQueue | undefined
  readonly claims: Claims
}

/** Makes records of calls: encoded, encrypted, numbered. */
export class RecordMaker {
  readonly #parts: RecordMakerParts

  constructor(parts: RecordMakerParts) {
    this.#parts = parts
  }

  /** @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
  make(call: JobCall): StoredRecord {
    const { process, ids, codec, accepting, forward, claims } = this.#parts
    const { job, version, args, options, uniqueKey, delay = 0, shared = false, asClaim = false } = call
    const id = ids.next
    const text = codec.encode(args, job, id)
    ids.give()
    const [now, due] = [clock.date(), Math.ceil(delay)]
    const by = shared ? owner.free : process
    const [key, otherKeys] = codec.storedKey(job, uniqueKey)
    const notes = notesOf(call, codec.isForwarding)
    const stored = codec.encodeOptions(options, notes, job, id)
    const row: RecordRow = [id, job, version, text, stored, now, 0, now + due, due, by, key, this.#moreOf(call)]
    return new StoredRecord(accepting, id, {
      added: { row, accepting },
      otherKeys,
      forward: shared || key !== null ? forward : undefined,
      claims: asClaim ? claims : undefined,
      codec,
      job,
      bound: options,
      isShared: shared,
      notes,
    })
  }

  #moreOf({ job, lane, longest }: JobCall): RecordMore | undefined {
    if (lane === undefined && longest === undefined) return undefined
    const [stored] = this.#parts.codec.storedKey(job, lane)
    return { ...(stored !== null && { lane: stored }), ...(longest !== undefined && { longest }) }
  }
}

function notesOf({ response, expiresAt, uniqueKey }: JobCall, withKey: boolean): Notes | undefined {
  if (withKey && uniqueKey !== undefined) return { response, expiresAt, key: uniqueKey }
  if (expiresAt === undefined) return response && { response }
  return response === undefined ? { expiresAt } : { response, expiresAt }
}
