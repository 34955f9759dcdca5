import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { blockOf, blockSize, slotOf } from '../../src/journal/files/record-id.ts'
import { owner } from '../../src/journal/files/schema.ts'
import {
  type ClaimedRow,
  type CommitGroup,
  type KnownJob,
  type RunnableJobs,
  transition,
} from '../../src/journal/protocol.ts'
import { byTrial } from '../../src/journal/server/suspects.ts'
import { Model } from './journal-model.ts'
import { type Opened, Peer, World } from './journal-world.ts'

vi.mock('../../src/clock.ts', () => import('../support/faked-clock.ts'))

// The clock is what the commands make of it.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

type Command = fc.Command<Model, World>

function command(name: string, run: (model: Model, world: World) => void): Command {
  return {
    check: () => true,
    run(model, world) {
      run(model, world)
      world.expectToBe(model)
    },
    toString: () => name,
  }
}

/** Makes a step of one of the living processes. */
function ofPeer(name: string, pick: number, run: (model: Model, peer: Peer, world: World) => void): Command {
  return command(`${name} by ${pick}`, (model, world) => {
    const peer = world.peers[pick % world.peers.length]
    if (peer !== undefined) run(model, peer, world)
  })
}

const pick = fc.nat(2)
const all: readonly KnownJob[] = [
  ['a', 3],
  ['b', 2],
]
const works = fc.boolean()
const known = fc.constantFrom<readonly KnownJob[]>(all, all, all, all, [], [['a', 1]], [['b', 2]])
const runnable: fc.Arbitrary<RunnableJobs> = fc
  .tuple(known, works)
  .map(([known, works]) => ({ known, shared: works ? known : [] }))

/** As a process does: in the first slot that nobody has, and where nothing is left. */
const start = fc.constant(
  command('start', (model, world) => {
    const slot = [1, 2, 3, 4, 5, 6].find((slot) => !world.isHeld(slot) && model.recordsIn(slot).length === 0)
    if (slot === undefined || world.peers.length === 3) return
    const peer = new Peer(world, slot)
    world.peers.push(peer)
    model.opened.set(peer.process, model.ticks)
    const { store } = peer.shared
    store.atomically(() => {
      store.upkeep.release(slot)
      store.upkeep.resetClock()
    })
    model.leave('shared', (process) => slotOf(process) === slot && process !== peer.process)
    model.resetClock('shared')
  }),
)

const die = pick.map((pick) =>
  ofPeer('death', pick, (model, peer, world) => {
    model.die(peer.process)
    world.drop(peer)
  }),
)

const end = pick.map((pick) =>
  ofPeer('end', pick, (model, peer, world) => {
    peer.trials.endsInOrder()
    peer.shared.store.atomically(() => peer.shared.store.upkeep.leave())
    model.end(peer.process)
    world.drop(peer)
  }),
)

/** Takes over what dead processes have left, in their slots and of what they had taken. */
const adopt = pick.map((pick) =>
  ofPeer('adoption', pick, (model, peer, world) => {
    for (const slot of world.slots.filter((slot) => !world.isHeld(slot))) {
      peer.shared.store.atomically(() => peer.shared.store.upkeep.release(slot))
      model.leave('shared', (process) => slotOf(process) === slot)
      peer.adopt(slot).store.upkeep.resetClock()
      model.resetClock(slot)
    }
  }),
)

interface Accept {
  readonly job: string
  readonly version: number
  readonly delay: number
  readonly kept: boolean
  readonly singleton: string | null
}

const accept: fc.Arbitrary<Accept> = fc.record({
  job: fc.constantFrom('a', 'a', 'a', 'b', 'c'),
  version: fc.integer({ min: 1, max: 3 }),
  delay: fc.constantFrom(0, 30, 60, 90, 24 * 3_600_000),
  kept: fc.boolean(),
  singleton: fc.constantFrom(null, null, 'x', 'y'),
})
/** The model has no options, which the fate of a response changes. */
const isTold = (kind: number) => kind !== transition.options
const change = fc.record({
  what: fc.constantFrom(
    'done' as const,
    ...Object.values(transition).filter(isTold),
    transition.begin,
    transition.begin,
  ),
  /** Picks a record, of all that there are, and of those that the group has just added. */
  which: fc.nat(),
  number: fc.nat(2),
})

/** A group of a process: records, and transitions of others. In a broken group, the database refuses one record, and that one only. */
const commit = fc
  .record({
    pick,
    place: fc.constantFrom('shared' as const, 'own' as const),
    accepts: fc.array(accept, { maxLength: 3 }),
    changes: fc.array(change, { maxLength: 4 }),
    broken: fc.constantFrom(false, false, false, true),
    border: fc.constantFrom(false, false, true),
  })
  .map(({ pick, place, accepts, changes, broken, border }) =>
    ofPeer(
      `group for ${place}, ${JSON.stringify({ accepts, changes, broken, border })}`,
      pick,
      (model, peer, world) => {
        // Near the end of a block of keys.
        if (border) peer.lastKey += blockSize - 1 - (peer.lastKey % blockSize)
        const group: CommitGroup = { type: 'group', store: place, moves: [], done: [], transitions: [] }
        const added = accepts.map((given) => ({ key: ++peer.lastKey, ...given }))
        const move = (key: number, version: number, { job, delay, kept, singleton }: Omit<Accept, 'version'>) => {
          const isShared = place === 'shared'
          const wait = isShared ? delay : 0
          const by = kept || !isShared ? peer.process : owner.free
          const unique = isShared ? singleton : null
          peer.log.set(key, [key, job, version, '[]', null, model.now, 0, model.now + wait, wait, by, unique])
          group.moves.push(key, 0, 0, 0, 0, null)
        }
        const refused = broken ? ++peer.lastKey : undefined
        if (refused !== undefined) move(refused, Number.NaN, { job: 'a', delay: 0, kept: true, singleton: null })
        for (const { key, version, ...rest } of added) move(key, version, rest)
        if (blockOf(peer.lastKey) > blockOf(peer.process)) peer.own.store.beginBlock(peer.lastKey)
        const mine = [...world.hands].flatMap(([key, process]) => (process === peer.process ? [key, key, key] : []))
        const all = [...added.map(({ key }) => key), ...mine, ...model.records.keys()]
        const changed = changes.flatMap(({ which, ...rest }) => {
          const key = all[which % all.length]
          const isThere = (where: unknown) => (place === 'shared') === (where === 'shared')
          const fits =
            key !== undefined && (added.some((each) => each.key === key) || isThere(model.records.get(key)?.where))
          return fits ? [{ key, ...rest }] : []
        })
        const isDone = (each: (typeof changed)[number]) => each.what === 'done'
        // What is done makes room for others before they are added; in a slot there is none to make.
        const settles = [...changed.filter(isDone), ...changed.filter((each) => !isDone(each))]
        if (place === 'own') settles.reverse()
        for (const { what, key, number } of settles) {
          if (what === 'done') group.done.push(key)
          else group.transitions.push(what, key, number, what === transition.failed ? 'failed\nno luck' : 50 * number)
        }
        const { duplicates, failures } = peer.groups.commit(group)
        expect([...failures.values()]).toEqual([])
        if (refused !== undefined) {
          model.keys.add(refused)
          model.failed.set(refused, 'refused')
        }
        const expected: number[] = []
        const isAdded = (key: number) => added.some((each) => each.key === key)
        const apply = ({ what, key, number }: (typeof settles)[number]) => {
          // The text of its options is all that changes.
          if (what === transition.options) return
          if (what !== transition.begin && model.records.get(key)?.owner === peer.process) world.hands.delete(key)
          if (what === 'done') model.done(peer.process, key)
          else if (what === transition.doneWithKey) model.doneWithKey(peer.process, key, number)
          else if (what === transition.failed) model.fail(peer.process, key, 'failed')
          else if (what === transition.handBack) model.back(peer.process, key)
          else if (what === transition.begin) model.begin(peer.process, key)
          else {
            model.retry(peer.process, key, number, 50 * number, what === transition.release)
            if (model.records.get(key)?.owner === peer.process) world.hand(key, peer.process)
          }
        }
        if (place === 'shared') for (const each of settles) if (!isAdded(each.key)) apply(each)
        for (const { key, kept, delay, ...rest } of added) {
          // No id is given twice, whichever process gave it.
          expect(model.keys.has(key)).toBe(false)
          model.keys.add(key)
          const isShared = place === 'shared'
          if (isShared && settles.some((each) => each.key === key && each.what === 'done')) continue
          const mine = kept || !isShared
          const wait = isShared ? delay : 0
          const record = {
            key,
            ...rest,
            attempt: 0,
            crashes: 0,
            ran: 0,
            taken: false,
            delay: wait,
            runAt: model.now + wait,
            watched: undefined,
          }
          const existing = model.add({
            ...record,
            singleton: isShared ? rest.singleton : null,
            where: isShared ? 'shared' : slotOf(peer.process),
            owner: mine ? peer.process : 'nobody',
          })
          if (existing !== undefined) expected.push(key, existing)
          else if (mine) world.hand(key, peer.process)
        }
        for (const each of settles) if (place === 'own' || isAdded(each.key)) apply(each)
        expect(duplicates).toEqual(expected)
      },
    ),
  )

/** A server tells orphaned records of an adopted slot from its own when claims are asked for. */
function orphans(model: Model, peer: Peer, opened: Opened): void {
  const { where } = opened
  if (opened.hasOrphans) model.leave(where, (process) => process !== peer.process)
}

/** A process claims records without suspicion. A claim that fails leaves everything as it was. */
const handOut = fc
  .record({
    pick,
    jobs: runnable,
    most: fc.integer({ min: 1, max: 4 }),
    fails: fc.constantFrom(false, false, true),
  })
  .map(({ pick, jobs, most, fails }) =>
    ofPeer(`hand-out ${JSON.stringify({ jobs, most, fails })}`, pick, (model, peer, world) => {
      for (const opened of peer.stores) {
        const { store, where } = opened
        const take = () => {
          store.claimable.takeOver()
          return store.claimable.claim(jobs, most, new Map())
        }
        if (fails) {
          const disk = new Error('The disk is full')
          const attempt = () => {
            take()
            throw disk
          }
          expect(() => store.atomically(attempt)).toThrow(disk)
          continue
        }
        orphans(model, peer, opened)
        const expected = model
          .due(where, jobs)
          .slice(0, most)
          .map((record) => model.take(peer.process, record))
        const rows = store.atomically(take)
        peer.trials.claimed(store, rows)
        expect(rows.map(handed)).toEqual(expected)
        for (const { recordId: key } of rows) world.hand(key, peer.process)
        opened.hasOrphans = store.claimable.hasOrphans
      }
    }),
  )

const handed = ({ recordId, attempt, crashes, orphaned }: ClaimedRow) => ({
  key: recordId,
  attempt,
  crashes,
  orphan: orphaned,
})

/** A process claims the suspects of its next trial. */
const trial = fc.tuple(pick, runnable, fc.integer({ min: 1, max: 4 })).map(([pick, jobs, most]) =>
  ofPeer(`trial ${JSON.stringify({ jobs, most })}`, pick, (model, peer, world) => {
    const found = peer.stores
      .flatMap(({ store: table }) => table.claimable.suspects(jobs).map((suspect) => ({ table, suspect })))
      .sort((a, b) => byTrial(a.suspect, b.suspect))
    const chosen = peer.trials.areOn ? [] : peer.trials.choose(found, most, new Map())
    const wheres = peer.stores.map(({ where }) => where)
    const expected = model.onTrial(peer.process, wheres, jobs, most).map((record) => model.take(peer.process, record))
    const rows = chosen.flatMap(({ table, suspect }) => {
      const claimed = table.atomically(() => table.suspects.claim([suspect.recordId]))
      peer.trials.claimed(table, claimed)
      return claimed
    })
    expect(rows.map(handed)).toEqual(expected)
    for (const { recordId: key } of rows) world.hand(key, peer.process)
  }),
)

const quarantine = pick.map((pick) =>
  ofPeer('quarantine', pick, (model, peer) => {
    for (const { store, where } of peer.stores) {
      const keys = store.atomically(() => store.suspects.quarantine()).map(({ recordId }) => recordId)
      expect(keys.sort()).toEqual(model.quarantine(where).sort())
    }
  }),
)

/** A process releases slots without records, and slots with records that only others can run. */
const letGo = fc.tuple(pick, runnable).map(([pick, jobs]) =>
  ofPeer('letting go', pick, (model, peer) => {
    for (const [slot, { store, hasOrphans }] of peer.adopted) {
      const isFor = store.claimable.isFor({ known: jobs.known, shared: jobs.known })
      const mine = model.recordsIn(slot).filter(({ owner }) => owner === peer.process)
      if (hasOrphans || mine.length > 0) expect(isFor).toBe(true)
      if (model.recordsIn(slot).length === 0 || !isFor) peer.letGo(slot)
      expect(store.store).toBe('own')
    }
  }),
)

/** The journal's thread died while it sent claims: the process has only some of them. */
const restart = fc.tuple(pick, fc.nat()).map(([pick, mask]) =>
  ofPeer('restart', pick, (model, peer, world) => {
    peer.restart()
    model.opened.set(peer.process, model.ticks)
    peer.shared.store.atomically(() => peer.shared.store.upkeep.release(slotOf(peer.process)))
    for (const { store, where } of peer.stores) {
      const taken = model.recordsIn(where).filter(({ owner, taken }) => owner === peer.process && taken)
      const held = taken.map(({ key }) => key).filter((_key, i) => ((mask >> i) & 1) === 1)
      store.atomically(() => store.freeOtherClaims(held))
      model.giveBack(where, peer.process, held)
      for (const { key } of taken) if (!held.includes(key)) world.hands.delete(key)
    }
  }),
)

const clock = fc.constantFrom(40, 40, 100, 100, 300, 1000, 10_000, 24 * 3_600_000, -24 * 3_600_000).map((ms) =>
  command(`clock ${ms}`, (model, world) => {
    model.now += ms
    if (ms > 0) {
      vi.advanceTimersByTime(ms)
      return model.pass(ms)
    }
    vi.setSystemTime(model.now)
    // Whoever lives finds out.
    for (const { store, where } of world.peers.flatMap(({ stores }) => stores)) {
      store.upkeep.resetClock()
      model.resetClock(where)
    }
  }),
)

test('records are as the model says, for any sequence of steps of processes', () => {
  const often = [commit, handOut, handOut, trial, clock]
  const rare = [start, die, end, adopt, quarantine, letGo, restart]
  fc.assert(
    fc.property(fc.commands([...often, ...often, ...often, ...rare], { maxCommands: 100, size: 'max' }), (commands) => {
      using world = new World()
      const setup = () => {
        const model = new Model()
        model.now = Date.UTC(2026, 6)
        vi.setSystemTime(model.now)
        for (const slot of [1, 2]) world.peers.push(new Peer(world, slot))
        for (const { process } of world.peers) model.opened.set(process, 0)
        return { model, real: world }
      }
      fc.modelRun(setup, commands)
    }),
    { numRuns: Number(process.env.RUNS ?? 100), interruptAfterTimeLimit: 15_000 },
  )
})
