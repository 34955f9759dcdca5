import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { FailedRecords } from '../../src/journal/failed-records.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { logOf, type RecordRow } from '../../src/journal/files/log-format.ts'
import { readLog } from '../../src/journal/files/log-reader.ts'
import { ProcessLock } from '../../src/journal/files/process-lock.ts'
import { recordIdOf, slotSize } from '../../src/journal/files/record-id.ts'
import { owner } from '../../src/journal/files/schema.ts'
import { WithdrawalRows } from '../../src/journal/files/withdrawal-rows.ts'
import { JournalFiles } from '../../src/journal/inspection/journal-files.ts'
import { RecordReader } from '../../src/journal/inspection/record-reader.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import type { FromServer } from '../../src/journal/protocol.ts'
import { openFolder } from '../../src/journal/server/databases.ts'
import { JournalServer } from '../../src/journal/server/journal-server.ts'
import { type Message, Program } from '../support/program.ts'
import { DeadLog } from './dead-log.ts'
import { Sibling } from './sibling.ts'

let dead: DeadLog
beforeEach(() => void (dead = new DeadLog()))
afterEach(() => rmSync(dead.folder, { recursive: true }))

/** Lists all records: their numbers and states. */
async function listed(): Promise<[n: number, state: string][]> {
  await using inspector = new Inspector(dead.folder)
  const found: [number, string][] = []
  for await (const page of inspector.records())
    for (const { id, state } of page) found.push([recordIdOf(id) - slotSize, state])
  return found.sort((a, b) => a[0] - b[0])
}

/** Starts the next process, and lets it run what is left until a record of its own has run. @returns the numbers of the runs */
async function runsOfNext(): Promise<number[]> {
  const runs: number[] = []
  await using afterword = new Afterword({ journal: dead.folder })
  const adopted = Promise.withResolvers<void>()
  const Send = afterword.job('send', (n: number) => {
    runs.push(n)
    // The last one that the log has.
    if (n === 99) adopted.resolve()
  })
  await Send.dispatch(0)
  await adopted.promise
  await afterword.drain()
  return runs.filter((n) => n > 0).sort((a, b) => a - b)
}

/** A process asks others for a record. */
function isAsked(): boolean {
  using database = openDatabase(join(dead.folder, 'shared.db'), 'normal', (code) => expect.unreachable(code))
  return new WithdrawalRows(database).open.length > 0
}

/** The server of another process, in slot 2, which has the lock of the dead one, and no record in memory. */
class Adopter implements Disposable {
  readonly #server: JournalServer
  readonly #locks = [1, 2].map((slot) => ProcessLock.take(dead.folder, slot))
  readonly #withdrawn = new Map<number, (done: boolean | undefined) => void>()
  #closed = () => {}

  constructor() {
    const options = { process: 2 * slotSize, retention: 60_000, maxFailed: 100 }
    const tell = () => {}
    const events = { orphaned: tell, released: tell, restart: () => expect.unreachable('restart') as never }
    const databases = openFolder({ ...options, folder: dead.folder, sync: 'normal', keyIds: [] }, tell, events)
    this.#server = new JournalServer(databases, options, (message) => this.#receive(message))
  }

  adopt(): void {
    this.#server.receive({ type: 'adopt', slots: [1] })
  }

  withdraw(number: number, of: number | { readonly job: string; readonly keys: string }) {
    const answer = new Promise<boolean | undefined>((resolve) => this.#withdrawn.set(number, resolve))
    this.#server.receive({ type: 'withdraw', number, of })
    return answer
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => (this.#closed = resolve))
    this.#server.receive({ type: 'close', within: 1000, kept: [] })
    await closed
    this[Symbol.dispose]()
  }

  #receive(message: FromServer): void {
    if (message.type === 'withdrawn') this.#withdrawn.get(message.number)?.(message.done)
    else if (message.type === 'closed') this.#closed()
    else if (message.type === 'asked' && message.records !== undefined) {
      const records = message.records.map((recordId) => [recordId, undefined] as const)
      setImmediate(() => this.#server.receive({ type: 'found', records }))
    }
  }

  [Symbol.dispose](): void {
    for (const lock of this.#locks.splice(0)) lock?.release()
  }
}

test('a record that moves from a log to the shared database, between the readings of both, is listed once', () => {
  dead.accept(dead.row(1, owner.free), dead.row(2))
  using files = new JournalFiles(dead.folder)
  const ids: string[] = []
  for (const page of new RecordReader(files).records()) {
    if (ids.length === 0) dead.forward(1)
    for (const { id } of page) ids.push(id)
  }
  expect(ids).toEqual([dead.id(1), dead.id(2)])
  // The next listing finds it where it is.
  expect([...new RecordReader(files).records()].flat().map(({ id }) => id)).toEqual([dead.id(2), dead.id(1)])
})

describe('while the log of a dead process is read', () => {
  test('a record that is cancelled stays so, though the process had moved it to its database and not noted that', async () => {
    dead.accept(dead.row(1), dead.row(2), dead.row(99))
    dead.close()
    dead.moveFree(1)
    using adopter = new Adopter()
    adopter.adopt()
    expect(await adopter.withdraw(1, slotSize + 1)).toBe(true)
    await adopter.close()
    expect(await listed()).toEqual([2, 99].map((n) => [n, 'pending']))
    expect(await runsOfNext()).toEqual([2, 99])
  })

  test('a record is found by its unique key, which no database knows yet', async () => {
    dead.accept(dead.row(1, owner.free, 'one'), dead.row(99))
    dead.close()
    using adopter = new Adopter()
    adopter.adopt()
    const keys = JSON.stringify(['one'])
    expect(await adopter.withdraw(1, { job: 'send', keys })).toBe(true)
    expect(await adopter.withdraw(2, { job: 'send', keys })).toBe(false)
    await adopter.close()
    expect(await runsOfNext()).toEqual([99])
  })

  test('a record is found by its unique key also before the slot is adopted', async () => {
    dead.accept(dead.row(1, owner.free, 'one'), dead.row(99))
    dead.close()
    await using afterword = new Afterword({ journal: dead.folder, worker: false })
    const Send = afterword.job('send', (_n: number) => {}, { key: () => 'one' })
    expect(await Send.cancel({ key: 'one' })).toBe(true)
  })

  test('a record is found by its unique key while another living process has the slot, and has not read the log yet', async () => {
    dead.accept(dead.row(1, owner.free, 'one').with(1, 'note') as unknown as RecordRow, dead.row(99))
    dead.close()
    using adopter = new Adopter()
    await using other = await Sibling.start(dead.folder, { knows: ['note'], options: { worker: false } })
    const cancelled = [other.withdraw('one', 'note'), other.withdraw('two', 'note')]
    let isAnswered = false
    void Promise.race(cancelled).then(() => (isAnswered = true))
    while (!isAnswered && !isAsked()) await nextTurn()
    adopter.adopt()
    expect(await Promise.all(cancelled)).toEqual([true, false])
    await adopter.close()
    await other.close()
    expect(await runsOfNext()).toEqual([99])
  })
})

describe('FailedRecords, while a log of a dead process is there,', () => {
  test('discard(ids) deletes a record for good that the process had moved and not noted', async () => {
    dead.accept(dead.row(1), dead.row(99))
    dead.close()
    dead.moveFree(1)
    {
      await using failed = new FailedRecords(dead.folder)
      for await (const changed of failed.discard([dead.id(1)])) expect(changed).toMatchObject([{ done: true }])
    }
    expect(await listed()).toEqual([[99, 'pending']])
    expect(await runsOfNext()).toEqual([99])
  })

  test.each([
    ['the log and the database tell so', true, true],
    ['only the log tells so', true, false],
    ['only the database tells so', false, true],
  ])('discard() and retry(ids) change failed records for good, where %s', async (_, inLog, inDatabase) => {
    dead.accept(...[1, 2, 3, 99].map((n) => dead.row(n)))
    for (const n of [1, 2, 3]) {
      if (inLog) dead.fail(n)
      if (inDatabase) dead.listFailed(n)
    }
    dead.close()
    expect(await listed()).toEqual([1, 2, 3, 99].map((n) => [n, n === 99 ? 'pending' : 'failed']))
    {
      await using failed = new FailedRecords(dead.folder)
      expect(await failed.count()).toBe(3)
      for await (const changed of failed.retry([dead.id(1)])) expect(changed).toMatchObject([{ done: true }])
      for await (const changed of failed.discard([dead.id(2)])) expect(changed).toMatchObject([{ done: true }])
      for await (const changed of failed.discard()) expect(changed).toMatchObject([{ id: dead.id(3), done: true }])
    }
    expect(await listed()).toEqual([1, 99].map((n) => [n, 'pending']))
    expect(await runsOfNext()).toEqual([1, 99])
    expect(await listed()).toEqual([])
  })
})

test('Inspector lists a record once that is in a log and in the shared database, and none that a recovery has had and that has ended', async () => {
  dead.accept(dead.row(1), dead.row(2), dead.row(3, owner.free), dead.row(4, owner.free), dead.row(5))
  dead.close()
  dead.inDatabase('1', (added, notes) => {
    notes.noteMoved(slotSize + 2)
    added.insert(dead.row(2))
  })
  dead.inDatabase('shared', (added, notes) => {
    added.share(dead.row(3, owner.free))
    notes.noteForwarded(slotSize + 4)
  })
  expect(await listed()).toEqual([2, 3, 5].map((n) => [n, 'pending']))
  await using inspector = new Inspector(dead.folder)
  const pending = (await inspector.databases()).map(({ name, pending, stuck }) => ({ name, pending, stuck }))
  expect(pending).toEqual([
    { name: '1', pending: 2, stuck: [] },
    { name: 'shared', pending: 1, stuck: [] },
  ])
  expect(await inspector.find(dead.id(1))).toBeUndefined()
  expect(await inspector.find(dead.id(4))).toBeUndefined()
  expect(await inspector.find(dead.id(5))).toMatchObject({ state: 'pending' })
})

test('a cancel that was told is in the log before, should the process be killed just then', async () => {
  await using killed = new Program(new URL('programs/cancelled-and-killed.ts', import.meta.url), {
    args: [dead.folder],
  })
  const { id, done } = await killed.message<Message & { id: string; done: boolean }>('cancelled')
  expect(done).toBe(true)
  await killed.exited
  const logs = [1, 2].flatMap((slot) => [...(readLog(logOf(dead.folder, slot))?.pending.keys() ?? [])])
  expect(logs).not.toContain(recordIdOf(id))
})
