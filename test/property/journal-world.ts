import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { openDatabase } from '../../src/journal/files/database.ts'
import type { RecordRow } from '../../src/journal/files/log-format.ts'
import { beginBlock } from '../../src/journal/files/process-slot.ts'
import { blockOf, slotOf } from '../../src/journal/files/record-id.ts'
import { claimerOf, owner } from '../../src/journal/files/schema.ts'
import type { Databases } from '../../src/journal/server/databases.ts'
import { GroupCommit } from '../../src/journal/server/group-commit.ts'
import { RecordTable } from '../../src/journal/server/record-table.ts'
import { Trials } from '../../src/journal/server/trials.ts'
import type { Model, Where } from './journal-model.ts'

const tell = (code: string) => expect.unreachable(code)

/** A store, and what has to be known of it besides. */
export interface Opened {
  readonly where: Where
  readonly store: RecordTable
  /** The orphaned records in the database are not marked yet. */
  hasOrphans: boolean
}

/** A process as the journal sees it: its stores of real files. */
export class Peer implements Disposable {
  readonly process: number
  lastKey: number
  readonly own: Opened
  readonly shared: Opened
  readonly adopted = new Map<number, Opened>()
  groups!: GroupCommit
  trials!: Trials
  readonly #ground: Databases
  /** The records in the log of the process, which may move to a database. */
  readonly log = new Map<number, RecordRow>()
  readonly #world: World
  readonly #databases = new Map<Where, DatabaseSync>()

  constructor(world: World, slot: number) {
    this.#world = world
    const database = openDatabase(world.path(slot), 'normal', tell)
    this.process = this.lastKey = beginBlock(database, slot)
    database.close()
    this.own = this.#open(slot)
    this.shared = this.#open('shared')
    this.#ground = {
      own: this.own.store,
      shared: this.shared.store,
      owned: {
        tables: [],
        of: (key) => (slotOf(key) === slot ? this.own : this.adopted.get(slotOf(key)))?.store,
        adopt: () => undefined,
        recover: () => false,
        isRecovering: () => false,
        areRecovering: false,
        update: () => false,
      },
      tables: [this.own.store, this.shared.store],
      sharedFile: undefined,
      log: { receive() {}, close() {}, reader: () => (recordId) => ({ row: this.log.get(recordId) as RecordRow }) },
      setAside: () => false,
      withdrawLeft: () => undefined,
      loggedSlots: [],
      recoverLeft() {},
      close() {},
    }
    this.restart()
  }

  /** The journal's thread is a new one, which knows of no run. */
  restart(): void {
    this.trials?.stop()
    const stores = () => this.stores
    this.trials = new Trials({
      get tables() {
        return stores().map(({ store }) => store)
      },
      try(fn) {
        fn()
        return true
      },
      over() {},
    })
    this.groups = new GroupCommit(this.#ground, this.trials, (code) => expect(code).toBe('AFTERWORD_SET_ASIDE'))
  }

  get stores(): Opened[] {
    return [this.own, ...this.adopted.values(), this.shared]
  }

  adopt(slot: number): Opened {
    const opened = this.#open(slot, true)
    this.adopted.set(slot, opened)
    return opened
  }

  letGo(slot: number): void {
    this.adopted.delete(slot)
    this.#databases.get(slot)?.close()
    this.#databases.delete(slot)
  }

  /** However it ends: the files are closed. */
  [Symbol.dispose](): void {
    this.trials.stop()
    for (const database of this.#databases.values()) database.close()
  }

  #open(where: Where, adopted = false): Opened {
    const database = openDatabase(this.#world.path(where), 'normal', tell)
    this.#databases.set(where, database)
    const store = where === 'shared' ? 'shared' : 'own'
    const table = new RecordTable(database, { store, process: this.process, sync: 'normal', adopted })
    return { where, store: table, hasOrphans: table.claimable.hasOrphans }
  }
}

/** A folder with the processes that live on it. */
export class World implements Disposable {
  // In memory where that can be: it is not the disk that is tried.
  readonly folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'afterword-model-'))
  readonly peers: Peer[] = []
  /** The process that has each record in its memory, as long as it lives. */
  readonly hands = new Map<number, number>()
  readonly #views = new Map<Where, DatabaseSync>()

  path(where: Where): string {
    return join(this.folder, `${where}.db`)
  }

  get slots(): number[] {
    return [1, 2, 3, 4, 5, 6].filter((slot) => existsSync(this.path(slot)))
  }

  isHeld(slot: number): boolean {
    return this.peers.some(({ process, adopted }) => slotOf(process) === slot || adopted.has(slot))
  }

  /** Puts a record into the hands of a process. Nobody else may have it. */
  hand(key: number, process: number): void {
    expect(this.hands.get(key) ?? process).toBe(process)
    this.hands.set(key, process)
  }

  drop(peer: Peer): void {
    this.peers.splice(this.peers.indexOf(peer), 1)
    for (const [key, process] of this.hands) if (process === peer.process) this.hands.delete(key)
    peer[Symbol.dispose]()
  }

  /** The files hold what the model says, and nothing else. */
  expectToBe(model: Model): void {
    const wheres: Where[] = [...this.slots, ...(existsSync(this.path('shared')) ? (['shared'] as const) : [])]
    const records = wheres.flatMap((where) =>
      this.#view(where)
        .prepare(
          'SELECT key, job, version, run_at, delay, attempt, crashes, ran, owner, singleton FROM afterword_records',
        )
        .all()
        .map((row) => ({ ...row, where })),
    )
    const expected = Array.from(model.records.values(), ({ runAt, taken, watched: _, owner: by, ...record }) => ({
      ...record,
      run_at: runAt,
      owner: typeof by === 'string' ? numberOf[by] : taken ? claimerOf(by) : by,
    }))
    expect(records.sort(byKey)).toEqual(expected.sort(byKey))
    const failed = wheres.flatMap((where) =>
      this.#view(where).prepare('SELECT key, reason FROM afterword_failed').all(),
    ) as { key: number; reason: string }[]
    expect(new Map(failed.map(({ key, reason }) => [key, reason]))).toEqual(model.failed)
    for (const slot of this.slots) {
      // The next process of the slot gives none of its keys again.
      const { block } = this.#view(slot).prepare('SELECT block FROM afterword_slots').get() as { block: number }
      expect(block).toBeGreaterThanOrEqual(
        Math.max(0, ...[...model.keys].filter((key) => slotOf(key) === slot).map(blockOf)),
      )
    }
    for (const [key, process] of this.hands) expect(model.records.get(key)?.owner).toBe(process)
  }

  /** The records that all processes share, and those of them that have failed. */
  get left(): unknown[] {
    return this.#view('shared').prepare('SELECT key FROM afterword_records').all()
  }

  get failed(): unknown[] {
    return this.#view('shared')
      .prepare('SELECT key, reason FROM afterword_failed')
      .all()
      .map((row) => ({ ...row }))
  }

  [Symbol.dispose](): void {
    for (const peer of this.peers) peer[Symbol.dispose]()
    for (const view of this.#views.values()) view.close()
    rmSync(this.folder, { recursive: true })
  }

  #view(where: Where): DatabaseSync {
    const view = this.#views.get(where) ?? openDatabase(this.path(where), 'normal', tell)
    this.#views.set(where, view)
    return view
  }
}

const numberOf = {
  nobody: owner.free,
  'left by its own': owner.orphaned,
  'left by a taker': owner.orphanedClaim,
} as const

const byKey = (a: object, b: object) => (a as { key: number }).key - (b as { key: number }).key
