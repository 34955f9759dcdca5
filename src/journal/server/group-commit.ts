import { acceptWidth, type CommitGroup, type Transition, transition, transitionWidth } from '../protocol.ts'
import type { Databases } from './databases.ts'
import type { RecordTable } from './record-table.ts'

/** Commits groups: what they accept, and what became of records. */
export class GroupCommit {
  readonly #ground: Databases

  constructor(ground: Databases) {
    this.#ground = ground
  }

  /** All of a group or nothing. @returns the duplicates, see `FromKeeper`. Throws what SQLite throws. */
  commit(group: CommitGroup): number[] {
    const { own } = this.#ground
    const stores = this.#touched(group)
    try {
      for (const store of stores) store.begin(group.accepts.length > 0 && (store === own || group.store === 'shared'))
      if (this.#isNewBlock(group)) own.beginBlock(lastKey(group))
      const duplicates = group.store === 'shared' ? this.#share(group) : this.#accept(group, stores)
      for (const store of stores) store.commit()
      return duplicates
    } catch (error) {
      for (const store of stores) store.rollback()
      throw error
    }
  }

  /** In the order in which they are committed. */
  #touched(group: CommitGroup): Set<RecordTable> {
    const { store, accepts, done, transitions: settles } = group
    const { own, shared, adopted: slots } = this.#ground
    const stores = new Set<RecordTable>()
    if (store === 'shared') return this.#isNewBlock(group) ? stores.add(own).add(shared) : stores.add(shared)
    const touch = (key: number) => {
      const store = slots.of(key)
      if (store !== undefined) stores.add(store)
    }
    done.forEach(touch)
    for (let i = 0; i < settles.length; i += transitionWidth) touch(settles[i + 1] as number)
    if (accepts.length === 0) return stores
    // The own one last: what it accepts is refused if another can't be written, and must not be stored then.
    stores.delete(own)
    return stores.add(own)
  }

  #isNewBlock(group: CommitGroup): boolean {
    return this.#ground.own.isNewBlock(lastKey(group))
  }

  #accept({ accepts, done, transitions: settles }: CommitGroup, stores: ReadonlySet<RecordTable>): number[] {
    this.#ground.own.accept(accepts)
    for (let i = 0; i < settles.length; i += transitionWidth) {
      const values = settles.slice(i, i + transitionWidth)
      applyTransition(this.#ground.adopted.of(values[1] as number), values)
    }
    for (const store of stores) {
      store.done(stores.size === 1 ? done : done.filter((key) => this.#ground.adopted.of(key) === store))
    }
    return []
  }

  /** Whatever has ended lets its unique key go before another record asks for it: what was stored before, and what never will be. */
  #share({ accepts, done, transitions: settles }: CommitGroup): number[] {
    const { shared } = this.#ground
    const accepted = new Set<unknown>()
    for (let i = 0; i < accepts.length; i += acceptWidth.shared) accepted.add(accepts[i])
    shared.done(done.filter((key) => !accepted.has(key)))
    const ended = new Set<unknown>(done)
    const later: Transition[] = []
    for (let i = 0; i < settles.length; i += transitionWidth) {
      const values = settles.slice(i, i + transitionWidth)
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

/** Stores what became of a record; nothing, if it is in no store any more. */
export function applyTransition(store: RecordTable | undefined, [what, key, first, second]: Transition): void {
  switch (what) {
    case transition.failed: {
      const [reason = '', ...error] = String(second).split('\n')
      return store?.failed(key as number, first as number, reason, error.length === 0 ? null : error.join('\n'))
    }
    case transition.retry:
    case transition.release:
      return store?.retry(key as number, first as number, second as number, what === transition.release)
    case transition.back:
      return store?.back(key as number, first as number)
    case transition.begin:
      return store?.beginRun(key as number)
    case transition.withdraw:
      return store?.withdraw(key as number)
  }
}

/** `NaN` where it accepts none. */
function lastKey({ store, accepts }: CommitGroup): number {
  return Number(accepts.at(-acceptWidth[store]))
}
