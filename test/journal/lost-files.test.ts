import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { FrameBuffer } from '../../src/journal/client/frame-buffer.ts'
import { LogFile } from '../../src/journal/client/log-file.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { acceptEntry } from '../../src/journal/files/log-format.ts'
import { identityOf } from '../../src/journal/files/process-identity.ts'
import { ProcessLock } from '../../src/journal/files/process-lock.ts'
import { openProcessSlot } from '../../src/journal/files/process-slot.ts'
import { openFolder } from '../../src/journal/server/databases.ts'
import { ProcessDatabases } from '../../src/journal/server/process-databases.ts'
import { RecordTable } from '../../src/journal/server/record-table.ts'
import { ServerLog } from '../../src/journal/server/server-log.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'
import { Sibling } from './sibling.ts'

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'afterword-lost-'))
  folder = join(root, 'journal')
})
afterEach(() => rmSync(root, { recursive: true }))

const path = (name: string) => join(folder, name)

describe('files that are lost while a process runs', () => {
  test.each([
    ['the folder is deleted', () => rmSync(folder, { recursive: true })],
    ['the folder is renamed', () => renameSync(folder, join(root, 'elsewhere'))],
    [
      'the folder is replaced by a copy of itself',
      () => {
        cpSync(folder, join(root, 'copy'), { recursive: true })
        renameSync(folder, join(root, 'elsewhere'))
        renameSync(join(root, 'copy'), folder)
      },
    ],
    ['the log is deleted', () => rmSync(path('1.log'))],
    ['the log is renamed', () => renameSync(path('1.log'), path('1.log.old'))],
    ['the lock is deleted', () => rmSync(path('1.lock'))],
    [
      'the lock is replaced',
      () => {
        rmSync(path('1.lock'))
        writeFileSync(path('1.lock'), '')
      },
    ],
  ])('%s: it is reported, what was accepted runs, and what is accepted later is kept', async (_how, lose) => {
    await using one = await Sibling.start(folder)
    await one.defer('hang', ['before']).id
    await one.ran('before')
    one.program.kill('SIGSTOP')
    lose()
    one.program.kill('SIGCONT')
    await one.program.message('report', ({ code }) => code === 'AFTERWORD_JOURNAL_LOST')
    await one.defer('hang', ['after']).id
    await one.ran('after')
    one.let('before')
    await one.kill()
    await using two = await Sibling.start(folder)
    expect((await two.ran('after')).attempt).toBe(1)
  })

  test('an idle process notices that its folder is deleted', async () => {
    await using one = await Sibling.start(folder)
    rmSync(folder, { recursive: true })
    await one.program.message('report', ({ code }) => code === 'AFTERWORD_JOURNAL_LOST')
  })

  test('no record is accepted while there is no folder that can be used', async () => {
    await using one = await Sibling.start(folder)
    await one.defer('note', ['before']).outcome
    rmSync(folder, { recursive: true })
    writeFileSync(folder, '')
    await one.program.message('report', ({ code }) => code === 'AFTERWORD_JOURNAL_LOST')
    await expect(one.defer('note', ['refused']).id).rejects.toMatchObject({ code: 'AFTERWORD_JOURNAL_REFUSED' })
    rmSync(folder)
    await expect
      .poll(() => one.defer('hang', ['after']).id.catch(() => undefined), { timeout: 10_000, interval: 100 })
      .toBeDefined()
    await one.kill()
    await using two = await Sibling.start(folder)
    await two.ran('after')
  })
})

describe('what reads the files of the folder within the process', () => {
  test.each(['a copy', 'another SQLite library, which reads its files,'])(
    '%s takes no lock: other processes neither take its slot nor run its records',
    async (how) => {
      await using one = await Sibling.start(folder, { name: 'one' })
      await using two = await Sibling.start(folder, { name: 'two' })
      await one.defer('hang', ['first']).id
      await one.ran('first')
      for (let i = 0; i < 3; i++) {
        const message = how === 'a copy' ? 'copied' : 'looked'
        const told = one.program.messages.filter(({ type }) => type === message).length
        one.send(how === 'a copy' ? { type: 'copy', to: join(root, `copy-${i}`) } : { type: 'look' })
        await expect.poll(() => one.program.messages.filter(({ type }) => type === message).length).toBe(told + 1)
        // Between the copy and the next look of the process.
        expect(ProcessLock.take(folder, 1)).toBeUndefined()
        await one.defer('hang', [`more-${i}`]).id
      }
      await using three = await Sibling.start(folder, { name: 'three' })
      await three.defer('note', ['other']).outcome
      // The lock, and the databases in the other thread. Another library deletes the WAL as it closes a database.
      const expected = how === 'a copy' ? ['UNLOCKED'] : ['LOST', 'UNLOCKED']
      expect([...new Set(one.reports)].sort()).toEqual(expected.map((what) => `AFTERWORD_JOURNAL_${what}`))
      expect([...two.runs, ...three.runs]).toEqual(['other'])
      await one.kill()
      const runs = () => [...two.runs, ...three.runs].filter((what) => what !== 'other').sort()
      await expect.poll(runs, { timeout: 20_000 }).toEqual(['first', 'more-0', 'more-1', 'more-2'])
    },
  )

  test('a copy costs a process that has no record its lock for a moment only', async () => {
    await using one = await Sibling.start(folder)
    one.send({ type: 'copy', to: join(root, 'copy') })
    await one.program.message('copied')
    await using two = await Sibling.start(folder)
    await one.defer('hang', ['kept']).id
    expect(readdirSync(folder).filter((name) => name.endsWith('.log'))).toEqual(['1.log'])
    await one.kill()
    await two.ran('kept')
  })
})

test('a process that has ended is not taken for alive: neither by its number nor by its file', async () => {
  await using one = await Sibling.start(folder)
  await one.defer('hang', ['left']).id
  expect(existsSync(path('1.owner'))).toBe(true)
  await one.kill()
  const lock = ProcessLock.take(folder, 1)
  expect(lock?.slot).toBe(1)
  lock?.release()
  // The file of another run of the system, and that of a copy.
  const others = [`${process.ppid} ${'0'.repeat(64)}`, String(identityOf(process.ppid, path('1.db')))]
  for (const other of others) {
    writeFileSync(path('1.owner'), other)
    const again = ProcessLock.take(folder, 1)
    expect(again?.slot).toBe(1)
    again?.release()
  }
  writeFileSync(path('1.owner'), String(identityOf(process.ppid, path('1.lock'))))
  expect(ProcessLock.take(folder, 1)).toBeUndefined()
})

describe('configure({ journal: { required: false } })', () => {
  test('lets the app start where the folder can not be made: calls are refused until it can', async () => {
    writeFileSync(folder, '')
    using reports = new Reports()
    await using afterword = new Afterword({ journal: { path: folder, required: false } })
    expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_FOLDER'])
    const Send = afterword.job('send', (n: number) => n)
    await using site = await serve(afterword, (_req, res) => {
      Send.defer(1)
      res.end('fine')
    })
    const response = await fetch(site.url)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    await expect(Send.dispatch(2)).rejects.toMatchObject({ code: 'AFTERWORD_JOURNAL_REFUSED' })
    expect(() => Send.defer((() => {}) as never)).toThrow("can't be stored")
    rmSync(folder)
    await expect.poll(() => fetch(site.url).then(({ status }) => status), { timeout: 10_000 }).toBe(200)
    expect(await Send.defer(3).outcome).toEqual({ status: 'done', value: 3 })
    expect(existsSync(path('1.log'))).toBe(true)
  })

  test('is refused beside a database, and by default the folder is required', () => {
    writeFileSync(folder, '')
    expect(() => new Afterword({ journal: { path: folder } })).toThrow(
      expect.objectContaining({ code: 'AFTERWORD_JOURNAL_FOLDER' }),
    )
    using database = new DatabaseSync(':memory:')
    expect(() => new Afterword({ journal: { database, required: false } })).toThrow(
      expect.objectContaining({ code: 'AFTERWORD_INVALID_OPTION' }),
    )
  })
})

test('a folder that is moved away while a slot is recovered: files of a living process with the same names stay as they are', () => {
  const tell = (code: string) => expect.unreachable(code)
  /** Writes a record to the log of a slot that is free. */
  const write = () => {
    const slot = openProcessSlot(folder)
    const log = new LogFile(path(`${slot.lock.slot}.log`), false, () => {})
    const frame = new FrameBuffer()
    frame.add(acceptEntry([slot.process + 1, 'send', 1, '[]', null, 0, 0, 0, 0, slot.process, null]), '[]')
    log.advance(frame.size)
    log.write(frame)
    log.close(false)
    return slot
  }
  const dead = write()
  const own = openProcessSlot(folder)
  const ownLog = new ServerLog(folder, own.lock.slot, 'normal')
  dead.lock.release()
  using file = openDatabase(path('shared.db'), 'normal', tell)
  const shared = new RecordTable(file, { store: 'shared', process: own.process, sync: 'normal' })
  const released: number[] = []
  const options = { folder, process: own.process, sync: 'normal', retention: 0, maxFailed: 10, keyIds: [] } as const
  const databases = new ProcessDatabases(options, () => shared, tell, {
    orphaned() {},
    released: (slot) => released.push(slot),
    restart: () => expect.unreachable(),
  })
  databases.adopt(dead.lock.slot)
  const moved = join(root, 'moved')
  renameSync(folder, moved)
  const living = write()
  expect(living.lock.slot).toBe(dead.lock.slot)
  const log = `${living.lock.slot}.log`
  const before = readFileSync(path(log))
  while (databases.recover(dead.lock.slot));
  expect(readFileSync(path(log))).toEqual(before)
  expect(existsSync(join(moved, log))).toBe(true)
  expect(released).toEqual([dead.lock.slot])
  // The log of this process is opened late, by its name.
  const other = write()
  expect(other.lock.slot).toBe(own.lock.slot)
  const whole = readFileSync(path(`${own.lock.slot}.log`))
  const answers: unknown[] = []
  ownLog.receive({ type: 'prepare', offset: 0, bytes: 65_536 }, (answer) => answers.push(answer))
  expect(answers).toEqual([
    { type: 'prepared', error: expect.stringContaining('not the log of this process any more') },
  ])
  expect(readFileSync(path(`${own.lock.slot}.log`))).toEqual(whole)
  databases.close(0)
  other.lock.release()
  own.lock.release()
  living.lock.release()
})

test('a folder that is moved away: the thread of a process begins on no file of a new folder, where another one has the slot of its number', () => {
  const own = openProcessSlot(folder)
  const options = { folder, process: own.process, sync: 'normal', retention: 0, maxFailed: 10, keyIds: [] } as const
  let restarts = 0
  const restart = () => {
    restarts++
    throw new Error('The thread ends')
  }
  const databases = openFolder(options, () => {}, { orphaned() {}, released() {}, restart })
  renameSync(folder, join(root, 'moved'))
  const other = openProcessSlot(folder)
  expect(other.lock.slot).toBe(own.lock.slot)
  databases.check?.()
  expect(restarts).toBe(0)
  databases.close(0)
  other.lock.release()
  own.lock.release()
})

test('a shared database that is deleted: the thread of a process begins anew with the one of the folder', () => {
  const own = openProcessSlot(folder)
  const options = { folder, process: own.process, sync: 'normal', retention: 0, maxFailed: 10, keyIds: [] } as const
  const restart = () => {
    throw new Error('The thread ends')
  }
  const databases = openFolder(options, () => {}, { orphaned() {}, released() {}, restart })
  rmSync(path('shared.db'))
  expect(() => databases.check?.()).toThrow('The thread ends')
  databases.close(0)
  own.lock.release()
})
