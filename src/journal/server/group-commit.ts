import { acceptWidth, type CommitGroup, type Transition, transition, transitionWidth } from '../protocol.ts'
import type { Databases } from './databases.ts'
import type { RecordTable } from './record-table.ts'

/** Commits groups: the records that they add, and the transitions of others. */
export class GroupCommit {
  readonly #databases: Databases

  constructor(databases: Databases) {
    this.#databases = databases
  }

  /** Commits all of a group or nothing. @returns the duplicates, as in `FromServer`. Throws the errors of SQLite. */
  commit(group: CommitGroup): number[] {
    const { own } = this.#databases
    const tables = this.#touched(group)
    try {
      for (const table of tables) table.begin(group.accepts.length > 0 && (table === own || group.store === 'shared'))
      if (this.#isNewBlock(group)) own.beginBlock(lastId(group))
      const duplicates = group.store === 'shared' ? this.#share(group) : this.#accept(group, tables)
      for (const table of tables) table.commit()
      return duplicates
    } catch (error) {
      for (const table of tables) table.rollback()
      throw error
    }
  }

  /** The tables that a group changes, in the order in which they are committed. */
  #touched(group: CommitGroup): Set<RecordTable> {
    const { store, accepts, done, transitions } = group
    const { own, shared, owned } = this.#databases
    const tables = new Set<RecordTable>()
    if (store === 'shared') return this.#isNewBlock(group) ? tables.add(own).add(shared) : tables.add(shared)
    const touch = (recordId: number) => {
      const table = owned.of(recordId)
      if (table !== undefined) tables.add(table)
    }
    done.forEach(touch)
    for (let i = 0; i < transitions.length; i += transitionWidth) touch(transitions[i + 1] as number)
    if (accepts.length === 0) return tables
    // The own table comes last: its new records are refused if another table can't be written, and must not be stored then.
    tables.delete(own)
    return tables.add(own)
  }

  #isNewBlock(group: CommitGroup): boolean {
    return this.#databases.own.isNewBlock(lastId(group))
  }

  #accept({ accepts, done, transitions }: CommitGroup, tables: ReadonlySet<RecordTable>): number[] {
    this.#databases.own.accept(accepts)
    for (let i = 0; i < transitions.length; i += transitionWidth) {
      const values = transitions.slice(i, i + transitionWidth)
      applyTransition(this.#databases.owned.of(values[1] as number), values)
    }
    for (const table of tables) {
      table.done(tables.size === 1 ? done : done.filter((recordId) => this.#databases.owned.of(recordId) === table))
    }
    return []
  }

  /** Records that have ended, stored or not, let their unique keys go before another record asks for those. */
  #share({ accepts, done, transitions }: CommitGroup): number[] {
    const { shared } = this.#databases
    const accepted = new Set<unknown>()
    for (let i = 0; i < accepts.length; i += acceptWidth.shared) accepted.add(accepts[i])
    shared.done(done.filter((recordId) => !accepted.has(recordId)))
    const ended = new Set<unknown>(done)
    const later: Transition[] = []
    for (let i = 0; i < transitions.length; i += transitionWidth) {
      const values = transitions.slice(i, i + transitionWidth)
      if (accepted.has(values[1])) later.push(values)
      else applyTransition(shared, values)
    }
    const duplicates: number[] = []
    for (let i = 0; i < accepts.length; i += acceptWidth.shared) {
      if (ended.has(accepts[i])) continue
      const values = accepts.slice(i, i + acceptWidth.shared) as Parameters<RecordTable['share']>
      const existing = shared.share(...values)
      if (existing !== undefined) duplicates.push(values[0], existing)
    }
    for (const values of later) applyTransition(shared, values)
    return duplicates
  }
}

/** Stores a transition; there is nothing to store where no table has the record any more. */
export function applyTransition(table: RecordTable | undefined, [kind, id, first, second]: Transition): void {
  switch (kind) {
    case transition.failed: {
      const [reason = '', ...error] = String(second).split('\n')
      return table?.failed(id as number, first as number, reason, error.length === 0 ? null : error.join('\n'))
    }
    case transition.retry:
    case transition.release:
      return table?.retry(id as number, first as number, second as number, kind === transition.release)
    case transition.handBack:
      return table?.handBack(id as number, first as number)
    case transition.begin:
      return table?.beginRun(id as number)
    case transition.withdraw:
      return table?.withdraw(id as number)
  }
}

/** The id of the last record that a group adds; `NaN` where it adds none. */
function lastId({ store, accepts }: CommitGroup): number {
  return Number(accepts.at(-acceptWidth[store]))
}
