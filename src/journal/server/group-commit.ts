import type { Report } from '../files/database.ts'
import { parseFailure } from '../files/log-reader.ts'
import { changed } from '../files/pending-records.ts'
import { idOf, slotOf } from '../files/record-id.ts'
import { concernsFile, isDamage } from '../files/sqlite-errors.ts'
import { type CommitGroup, moveWidth, type Transition, transition, transitionWidth } from '../protocol.ts'
import type { Databases } from './databases.ts'
import type { RecordTable } from './record-table.ts'
import type { MovedRow } from './server-log.ts'
import type { Trials } from './trials.ts'

/** The values of a move in a group. */
type Move = [recordId: number, offset: number, attempt: number, runAt: number, delay: number, otherKeys: string | null]

/** A record that moves from the log to a database. */
interface MovedRecord extends MovedRow {
  readonly recordId: number
  readonly otherKeys: string | null
}

/** Makes a change of one record. @param record the record, if it moves */
type Each = (recordId: number, change: () => void, record?: MovedRecord) => void

/** The result of a commit. */
interface Committed {
  /** As in `FromServer`. */
  readonly duplicates: number[]
  /** The tables that could not be changed, and why. */
  readonly failures: ReadonlyMap<RecordTable, unknown>
  /** The part of the group that belongs to those. */
  readonly left: CommitGroup
}

/** Commits groups: the records that move to a database, and the transitions of others. Each database is changed in a transaction of its own. */
export class GroupCommit {
  readonly #databases: Databases
  readonly #trials: Trials
  readonly #tell: Report
  /** The records that were set aside, and that the client may still have. */
  readonly #aside = new Set<number>()

  constructor(databases: Databases, trials: Trials, tell: Report) {
    this.#databases = databases
    this.#trials = trials
    this.#tell = tell
  }

  commit(group: CommitGroup): Committed {
    const duplicates: number[] = []
    const failures = new Map<RecordTable, unknown>()
    const left: CommitGroup = { type: 'group', store: group.store, moves: [], done: [], transitions: [] }
    for (const [table, part] of this.#partsOf(group)) {
      try {
        const found = this.#store(table, part)
        // What went to files that are lost stays in the log.
        this.#databases.check?.()
        duplicates.push(...found)
        this.#trials.committed(part)
      } catch (error) {
        failures.set(table, error)
        left.moves.push(...part.moves)
        left.done.push(...part.done)
        left.transitions.push(...part.transitions)
      }
    }
    return { duplicates, failures, left }
  }

  #partsOf(group: CommitGroup): Map<RecordTable, CommitGroup> {
    const { own, owned, shared } = this.#databases
    if (group.store === 'shared') return new Map([[shared, group]])
    const parts = new Map<RecordTable, CommitGroup>()
    const partOf = (table: RecordTable) => {
      const part = parts.get(table) ?? { type: 'group', store: group.store, moves: [], done: [], transitions: [] }
      parts.set(table, part)
      return part
    }
    const { moves, done, transitions } = group
    if (moves.length > 0) partOf(own).moves.push(...moves)
    for (const recordId of done) {
      const table = owned.of(recordId)
      if (table !== undefined) partOf(table).done.push(recordId)
    }
    for (let i = 0; i < transitions.length; i += transitionWidth) {
      const table = owned.of(transitions[i + 1] as number)
      if (table !== undefined) partOf(table).transitions.push(...transitions.slice(i, i + transitionWidth))
    }
    return parts
  }

  /** Stores a part of a group at once. Where the database refuses a change, all but that one are stored. */
  #store(table: RecordTable, part: CommitGroup): number[] {
    const records = this.#recordsOf(part)
    const change = (each: Each) =>
      part.store === 'shared' ? this.#share(part, records, each) : this.#change(table, part, records, each)
    const isDurable = records.length > 0
    try {
      return table.atomically(() => change((_recordId, change) => change()), isDurable)
    } catch (error) {
      if (concernsFile(error) || isDamage(error)) throw error
    }
    const refused = new Map<number, unknown>()
    const duplicates = table.atomically(() => change(this.#carefully(table, refused)), isDurable)
    for (const [recordId, error] of refused) this.#tellAside(recordId, String(error))
    return duplicates
  }

  /** Makes each change by itself: a record whose change is refused is set aside. */
  #carefully(table: RecordTable, refused: Map<number, unknown>): Each {
    return (recordId, change, record) => {
      try {
        return table.nested(change)
      } catch (error) {
        if (concernsFile(error)) throw error
        refused.set(recordId, error)
        const why = String(error)
        try {
          if (record === undefined) table.nested(() => table.setAside(recordId, 'refused', why))
          else table.nested(() => table.added.insertAside(recordId, record.row, 'refused', why))
        } catch {
          // What refuses the change may refuse this as well. The report tells of the record.
        }
      }
    }
  }

  /** Reads the records that move. The log has each of them until the group is committed. */
  #recordsOf({ moves }: CommitGroup): MovedRecord[] {
    const records: MovedRecord[] = []
    const read = this.#databases.log?.reader()
    for (let i = 0; i < moves.length; i += moveWidth) {
      const [recordId, offset, attempt, runAt, delay, otherKeys] = moves.slice(i, i + moveWidth) as Move
      const found = read?.(recordId, offset) ?? {}
      const row = found.row && attempt > 0 ? changed(found.row, { attempt, runAt, delay }) : found.row
      records.push({ ...found, row, recordId, otherKeys } as MovedRecord)
    }
    return records
  }

  #change(table: RecordTable, part: CommitGroup, records: readonly MovedRecord[], each: Each): number[] {
    for (const record of records) {
      each(record.recordId, () => this.#move(table, record, (row) => void table.added.insert(row)), record)
    }
    for (const values of transitionsOf(part))
      each(values[1] as number, () => applyTransition(table, values, this.#trials))
    this.#done(table, part.done, each)
    return []
  }

  /** Moves a record, which is set aside where the log can't be read. */
  #move(
    table: RecordTable,
    { recordId, row, why }: MovedRecord,
    insert: (row: NonNullable<MovedRow['row']>) => void,
  ): void {
    if (row !== undefined && why === undefined) return insert(row)
    table.added.insertAside(recordId, row, 'damaged', String(why))
    if (!this.#aside.has(recordId)) this.#tellAside(recordId, String(why))
    this.#aside.add(recordId)
  }

  #done(table: RecordTable, done: readonly number[], each: Each): void {
    if (done.length === 0) return
    const aside = this.#aside.size === 0 ? [] : done.filter((recordId) => this.#aside.has(recordId))
    for (const recordId of aside) each(recordId, () => table.added.forgetAside(recordId))
    try {
      table.nested(() => table.done(done))
    } catch (error) {
      if (concernsFile(error)) throw error
      for (const recordId of done) each(recordId, () => table.done([recordId]))
    }
  }

  #tellAside(recordId: number, why: string): void {
    this.#tell('AFTERWORD_SET_ASIDE', [idOf(recordId), why])
  }

  /** Records that have ended, moved or not, let their unique keys go before another record asks for those. */
  #share(part: CommitGroup, records: readonly MovedRecord[], each: Each): number[] {
    const { shared } = this.#databases
    const moved = new Set<unknown>(records.map(({ recordId }) => recordId))
    const { done } = part
    this.#done(
      shared,
      done.filter((recordId) => !moved.has(recordId)),
      each,
    )
    const ended = new Set<unknown>(done)
    const later: Transition[] = []
    for (const values of transitionsOf(part)) {
      if (moved.has(values[1])) later.push(values)
      else each(values[1] as number, () => applyTransition(shared, values, this.#trials))
    }
    const duplicates: number[] = []
    const last = records.at(-1)?.recordId
    const lastForwarded = last === undefined ? 0 : shared.notes.lastForwarded(slotOf(last))
    for (const record of records) {
      const { recordId, row, otherKeys } = record
      // The thread before this one may have stored the group, and another process may have run the record since.
      const isKnown = row?.[10] === null && recordId <= lastForwarded
      if (ended.has(recordId) || isKnown) continue
      each(
        recordId,
        () =>
          this.#move(shared, record, (row) => {
            const existing = shared.added.share(row, otherKeys)
            if (existing !== undefined) duplicates.push(recordId, existing)
          }),
        record,
      )
    }
    for (const values of later) each(values[1] as number, () => applyTransition(shared, values, this.#trials))
    if (last !== undefined) shared.notes.noteForwarded(last)
    return duplicates
  }
}

/** Splits the transitions of a group. */
function transitionsOf({ transitions }: CommitGroup): Transition[] {
  return Array.from({ length: transitions.length / transitionWidth }, (_, i) =>
    transitions.slice(i * transitionWidth, (i + 1) * transitionWidth),
  )
}

/** Stores a transition; there is nothing to store where no table has the record any more. */
export function applyTransition(
  table: RecordTable | undefined,
  [kind, id, first, second]: Transition,
  trials?: Trials,
): void {
  if (table === undefined) return
  switch (kind) {
    case transition.failed: {
      const { reason, error } = parseFailure(String(second))
      return table.failed(id as number, first as number, reason, error)
    }
    case transition.retry:
    case transition.release:
      return table.retry(id as number, first as number, second as number, kind === transition.release)
    case transition.handBack:
      return trials === undefined ? table.handBack(id as number) : trials.handBack(table, id as number)
    case transition.doneWithKey:
      return table.doneWithKey(id as number, first as number)
    case transition.options:
      return table.setOptions(id as number, String(first))
    case transition.begin:
      return trials?.noteBegin(table, id as number)
  }
}
