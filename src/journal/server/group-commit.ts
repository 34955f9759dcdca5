import type { RecordRow } from '../files/log-format.ts'
import { parseFailure, retried } from '../files/log-reader.ts'
import { slotOf } from '../files/record-id.ts'
import { type CommitGroup, moveWidth, type Transition, transition, transitionWidth } from '../protocol.ts'
import type { Databases } from './databases.ts'
import type { RecordTable } from './record-table.ts'
import type { Trials } from './trials.ts'

/** Reads a record from the log; `undefined` where the log has it no more. */
type ReadRecord = (recordId: number, offset: number) => RecordRow | undefined

/** The values of a move in a group. */
type Move = [recordId: number, offset: number, attempt: number, runAt: number, delay: number, otherKeys: string | null]

/** A record that moves from the log to a database. */
interface MovedRecord {
  readonly row: RecordRow
  readonly otherKeys: string | null
}

/** Commits groups: the records that move to a database, and the transitions of others. */
export class GroupCommit {
  readonly #databases: Databases
  readonly #read: ReadRecord
  readonly #trials: Trials

  constructor(databases: Databases, read: ReadRecord, trials: Trials) {
    this.#databases = databases
    this.#read = read
    this.#trials = trials
  }

  /** Commits all of a group or nothing. @returns the duplicates, as in `FromServer`. Throws the errors of SQLite. */
  commit(group: CommitGroup): number[] {
    const { own, shared } = this.#databases
    const rows = this.#rowsOf(group)
    const tables = group.store === 'shared' ? new Set([shared]) : this.#touched(group)
    try {
      for (const table of tables) table.begin(rows.length > 0 && (table === own || table === shared))
      const duplicates = group.store === 'shared' ? this.#share(group, rows) : this.#change(group, rows, tables)
      for (const table of tables) table.commit()
      this.#trials.committed(group)
      // What went to files that are lost stays in the log.
      this.#databases.check?.()
      return duplicates
    } catch (error) {
      for (const table of tables) table.rollback()
      throw error
    }
  }

  /** Reads the records that move. The log has each of them until the group is committed. */
  #rowsOf({ moves }: CommitGroup): MovedRecord[] {
    const rows: MovedRecord[] = []
    for (let i = 0; i < moves.length; i += moveWidth) {
      const [recordId, offset, attempt, runAt, delay, otherKeys] = moves.slice(i, i + moveWidth) as Move
      const row = this.#read(recordId, offset)
      if (row === undefined) continue
      rows.push({ row: attempt === 0 ? row : retried(row, attempt, runAt - delay, delay), otherKeys })
    }
    return rows
  }

  /** The tables that a group for databases of slots changes. */
  #touched({ moves, done, transitions }: CommitGroup): Set<RecordTable> {
    const { own, owned } = this.#databases
    const tables = new Set<RecordTable>(moves.length > 0 ? [own] : [])
    const touch = (recordId: number) => {
      const table = owned.of(recordId)
      if (table !== undefined) tables.add(table)
    }
    done.forEach(touch)
    for (let i = 0; i < transitions.length; i += transitionWidth) touch(transitions[i + 1] as number)
    return tables
  }

  #change(
    { done, transitions }: CommitGroup,
    rows: readonly MovedRecord[],
    tables: ReadonlySet<RecordTable>,
  ): number[] {
    for (const { row } of rows) this.#databases.own.added.insert(row)
    for (let i = 0; i < transitions.length; i += transitionWidth) {
      const values = transitions.slice(i, i + transitionWidth)
      applyTransition(this.#databases.owned.of(values[1] as number), values, this.#trials)
    }
    for (const table of tables) {
      table.done(tables.size === 1 ? done : done.filter((recordId) => this.#databases.owned.of(recordId) === table))
    }
    return []
  }

  /** Records that have ended, moved or not, let their unique keys go before another record asks for those. */
  #share({ done, transitions }: CommitGroup, rows: readonly MovedRecord[]): number[] {
    const { shared } = this.#databases
    const moved = new Set<unknown>(rows.map(({ row }) => row[0]))
    shared.done(done.filter((recordId) => !moved.has(recordId)))
    const ended = new Set<unknown>(done)
    const later: Transition[] = []
    for (let i = 0; i < transitions.length; i += transitionWidth) {
      const values = transitions.slice(i, i + transitionWidth)
      if (moved.has(values[1])) later.push(values)
      else applyTransition(shared, values, this.#trials)
    }
    const duplicates: number[] = []
    const last = rows.at(-1)?.row[0]
    const lastForwarded = last === undefined ? 0 : shared.added.lastForwarded(slotOf(last))
    for (const { row, otherKeys } of rows) {
      // The thread before this one may have stored the group, and another process may have run the record since.
      const isKnown = row[10] === null && row[0] <= lastForwarded
      if (ended.has(row[0]) || isKnown) continue
      const existing = shared.added.share(row, otherKeys)
      if (existing !== undefined) duplicates.push(row[0], existing)
    }
    for (const values of later) applyTransition(shared, values, this.#trials)
    if (last !== undefined) shared.added.noteForwarded(last)
    return duplicates
  }
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
    case transition.options:
      return table.setOptions(id as number, String(first))
    case transition.begin:
      return trials?.noteBegin(table, id as number)
  }
}
