import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { owner } from '../../src/journal/files/schema.ts'
import { type CommitGroup, type RunnableJobs, transition } from '../../src/journal/protocol.ts'
import { byTrial } from '../../src/journal/server/suspects.ts'
import { Peer, World } from './journal-world.ts'

vi.mock('../../src/clock.ts', () => import('../support/faked-clock.ts'))

// Processes that live one after another, on a clock of their own, with jobs that take their time, and jobs that end their process.

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const jobs: RunnableJobs = { known: [['j', 1]], shared: [['j', 1]] }
/** The longest time in ms between two looks at what is due. */
const step = 100

/** A job, and the time in ms after which it ends or, if it kills, ends its process. */
interface Kind {
  readonly takes: number
  readonly kills: boolean
}

class Life {
  readonly #peer: Peer
  readonly #kinds: ReadonlyMap<number, Kind>
  readonly #ends = new Map<number, number>()
  now = 0

  constructor(world: World, kinds: ReadonlyMap<number, Kind>) {
    this.#kinds = kinds
    this.#peer = new Peer(world, 1)
    const { store } = this.#peer.shared
    store.atomically(() => store.upkeep.release(1))
  }

  /** Lives for so many ms at most. @returns whether a job has ended the process */
  live(ms: number): boolean {
    while (this.now < ms) {
      this.#claim()
      const [next = Infinity] = [...this.#ends.values()].sort((a, b) => a - b)
      const until = Math.max(this.now, Math.min(next, ms, this.#areWaiting ? this.now + step : ms))
      vi.advanceTimersByTime(until - this.now)
      this.now = until
      if (this.now >= ms) break
      for (const [key, end] of this.#ends) {
        if (end > this.now) continue
        if (this.#kinds.get(key)?.kills) return true
        this.#ends.delete(key)
        this.#commit({ done: [key] })
      }
    }
    return false
  }

  end(): void {
    this.#peer[Symbol.dispose]()
  }

  get #areWaiting(): boolean {
    return this.#suspects.length > 0
  }

  get #suspects() {
    const { store: table } = this.#peer.shared
    const found = table.claimable.suspects(jobs).map((suspect) => ({ table, suspect }))
    return found.sort((a, b) => byTrial(a.suspect, b.suspect))
  }

  #claim(): void {
    const { store } = this.#peer.shared
    const { trials } = this.#peer
    const chosen = trials.areOn ? [] : trials.choose(this.#suspects, 64, new Map())
    const rows = store.atomically(() => {
      store.suspects.quarantine()
      return [
        ...store.suspects.claim(chosen.map(({ suspect }) => suspect.recordId)),
        ...store.claimable.claim(jobs, 64, new Map()),
      ]
    })
    trials.claimed(store, rows)
    const begun = rows.filter(({ orphaned }) => orphaned).flatMap(({ recordId }) => [transition.begin, recordId, 0, 0])
    if (begun.length > 0) this.#commit({ transitions: begun })
    for (const { recordId } of rows) this.#ends.set(recordId, this.now + (this.#kinds.get(recordId) as Kind).takes)
  }

  #commit(changes: Partial<CommitGroup>): void {
    this.#peer.groups.commit({ type: 'group', store: 'shared', moves: [], done: [], transitions: [], ...changes })
  }
}

/** Makes records of kinds. */
function add(world: World, kinds: readonly Kind[]): Map<number, Kind> {
  using peer = new Peer(world, 1)
  const keys = kinds.map((kind) => [++peer.lastKey, kind] as const)
  for (const [key] of keys) peer.shared.store.added.share([key, 'j', 1, '[]', null, 0, 0, 0, 0, owner.free, null])
  return new Map(keys)
}

const innocent: fc.Arbitrary<Kind> = fc
  .constantFrom(1, 100, 300, 3000, 60_000, Infinity)
  .map((takes) => ({ takes, kills: false }))
const innocents = fc.array(innocent, { maxLength: 5 })
/** Draws the time after which a process is ended by something else. */
const lives = fc.oneof(
  fc
    .record({
      mean: fc.constantFrom(200, 1000, 5000, 60_000),
      shares: fc.array(fc.double({ min: 0, max: 0.99, noNaN: true }), { minLength: 30, maxLength: 30 }),
    })
    .map(({ mean, shares }) => shares.map((share) => -Math.log(1 - share) * mean)),
  // A fault at start-up, say.
  fc.integer({ min: 1, max: 20_000 }).map((ms) => Array.from({ length: 30 }, () => ms)),
)
const numRuns = Number(process.env.RUNS ?? 25)

test('no job is taken for poison that runs whenever its process is ended by something else', () => {
  fc.assert(
    fc.property(innocents, lives, (kinds, lives) => {
      using world = new World()
      vi.setSystemTime(0)
      const records = add(world, kinds)
      for (const ms of lives) {
        const life = new Life(world, records)
        expect(life.live(ms)).toBe(false)
        life.end()
      }
      expect(world.failed).toEqual([])
    }),
    { numRuns, interruptAfterTimeLimit: 8000 },
  )
})

test('a job that ends its process is poison after a few deaths, and all others run', () => {
  const killer: fc.Arbitrary<Kind> = fc.constantFrom(0, 10, 200, 400, 3000).map((takes) => ({ takes, kills: true }))
  fc.assert(
    fc.property(innocents, killer, fc.nat(5), (kinds, killer, place) => {
      using world = new World()
      vi.setSystemTime(0)
      const records = add(world, kinds.toSpliced(place, 0, killer))
      const [key] = [...records].find(([, { kills }]) => kills) as [number, Kind]
      // One more for each doubling of the time that it takes.
      const most = 6 + Math.ceil(Math.log2(Math.max(1, killer.takes / 125)))
      let deaths = 0
      for (let life: Life | undefined = new Life(world, records); life !== undefined; ) {
        const died = life.live(24 * 3_600_000)
        life.end()
        life = died ? new Life(world, records) : undefined
        if (died) expect(++deaths).toBeLessThanOrEqual(most)
      }
      expect(world.failed).toEqual([{ key, reason: 'poison' }])
      const endless = kinds.filter(({ takes }) => takes === Infinity)
      expect(world.left).toHaveLength(endless.length)
    }),
    { numRuns, interruptAfterTimeLimit: 8000 },
  )
})

test.for(['begin', 'handBack'] as const)('a claim that a group puts off is no suspect, with %s behind that', (last) => {
  using world = new World()
  vi.setSystemTime(0)
  const [key] = [...add(world, [{ takes: 1, kills: false }]).keys()] as [number]
  const live = (run: (peer: Peer, commit: (...kinds: number[]) => void) => void) => {
    using peer = new Peer(world, 1)
    const { store } = peer.shared
    store.atomically(() => store.upkeep.release(1))
    run(peer, (...kinds) => {
      const transitions = kinds.flatMap((kind) => [kind, key, 0, 0])
      peer.groups.commit({ type: 'group', store: 'shared', moves: [], done: [], transitions })
    })
  }
  const claim = ({ shared: { store }, trials }: Peer) => {
    const rows = store.atomically(() => store.suspects.claim([key]))
    trials.claimed(store, rows)
  }
  const suspects = () => {
    let found: number[] = []
    live(({ shared: { store } }) => (found = store.claimable.suspects(jobs).map(({ recordId }) => recordId)))
    return found
  }
  live((peer, commit) => {
    claim(peer)
    commit(transition.begin)
  })
  expect(suspects()).toEqual([key])
  live((peer, commit) => {
    claim(peer)
    commit(transition.retry, transition[last])
  })
  expect(suspects()).toEqual([])
})
