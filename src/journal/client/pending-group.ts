import { type CommitGroup, type Store, transitionWidth } from '../protocol.ts'
import type { StoredRecord } from './stored-record.ts'

/** A group that is not committed yet, and all that waits for it: records that move to the database, and runs to begin. */
export class PendingGroup {
  readonly group: CommitGroup
  readonly moving: StoredRecord[]
  readonly #beginning: Map<number, () => void>

  constructor(group: CommitGroup, moving: StoredRecord[] = [], beginning = new Map<number, () => void>()) {
    this.group = group
    this.moving = moving
    this.#beginning = beginning
  }

  static of(store: Store): PendingGroup {
    return new PendingGroup({ type: 'group', store, moves: [], done: [], transitions: [] })
  }

  get isEmpty(): boolean {
    const { moves, done, transitions } = this.group
    return moves.length === 0 && done.length === 0 && transitions.length === 0
  }

  /** Calls `begin` when the note that a record runs is stored. */
  expect(recordId: number, begin: () => void): void {
    this.#beginning.set(recordId, begin)
  }

  /** Lets the runs begin whose notes are stored: all but those in what is left. @returns what is left, with what waits for it */
  stored(left: CommitGroup): PendingGroup {
    const idsLeft = new Set(idsOf(left))
    const beginning = new Map<number, () => void>()
    for (const [recordId, begin] of this.#beginning) {
      if (idsLeft.has(recordId)) beginning.set(recordId, begin)
      else begin()
    }
    return new PendingGroup(left, left.moves.length === 0 ? [] : this.moving, beginning)
  }

  /** Makes one group of this one and the next. */
  before(other: PendingGroup): PendingGroup {
    const { group: next } = other
    const { moves, done, transitions } = this.group
    const group = {
      ...this.group,
      moves: moves.concat(next.moves),
      done: done.concat(next.done),
      transitions: transitions.concat(next.transitions),
    }
    const beginning = new Map([...this.#beginning, ...other.#beginning])
    return new PendingGroup(group, this.moving.concat(other.moving), beginning)
  }
}

/** The ids of the records with transitions in a group. */
export function idsOf({ transitions }: CommitGroup): number[] {
  return transitions.filter((_value, i) => i % transitionWidth === 1) as number[]
}
