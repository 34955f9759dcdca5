import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { FrameBuffer } from '../../src/journal/client/frame-buffer.ts'
import { SharedFile } from '../../src/journal/server/shared-file.ts'
import { Reports } from '../support/reports.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-shared-file-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const path = (name: string) => join(folder, name)
const aside = () => readdirSync(folder).filter((name) => /^shared\.db\.damaged-.*Z$/.test(name))

/** Damages pages of the shared database, but for the first. */
function damage(): void {
  {
    using database = new DatabaseSync(path('shared.db'), { timeout: 5000 })
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }
  const bytes = readFileSync(path('shared.db'))
  writeFileSync(path('shared.db'), bytes.fill(0xff, 2 * 4096, bytes.length))
}

describe('a shared database that is damaged while processes have it open', () => {
  test('is moved aside when all have closed it, and each record that was dispatched since runs', async () => {
    await using one = await Sibling.start(folder, { options: { worker: false } })
    await one.dispatch('note', ['first'], { delay: 3_600_000 })
    await expect.poll(() => existsSync(path('shared.db-wal')), { timeout: 10_000 }).toBe(true)
    damage()
    await using two = await Sibling.start(folder)
    // Where the file was being written at the first look, the next one comes 10 s later.
    await expect.poll(aside, { timeout: 60_000 }).toHaveLength(1)
    for (let n = 0; n < 3; n++) await one.dispatch('note', [`after-${n}`], { delay: 1 })
    for (let n = 0; n < 3; n++) await two.ran(`after-${n}`)
    expect(existsSync(path('shared.db.damaged'))).toBe(false)
    const damaged = [...one.reports, ...two.reports].filter((code) => code === 'AFTERWORD_JOURNAL_DAMAGED')
    expect(damaged).toHaveLength(1)
    expect([...one.reports, ...two.reports]).not.toContain('AFTERWORD_JOURNAL_FAILED')
  })

  test('stays where it is while another process has it open', () => {
    const tell = () => {}
    const one = new SharedFile(folder, 'normal', tell)
    const open = one.open()
    const lock = new DatabaseSync(path('shared.lock'), { timeout: 0 })
    expect(() => lock.exec('BEGIN EXCLUSIVE')).toThrow('locked')
    lock.close()
    open.close()
    one.close()
    using again = new DatabaseSync(path('shared.lock'), { timeout: 0 })
    again.exec('BEGIN EXCLUSIVE')
  })
})

test('a shared database that is deleted or replaced while a process runs is noticed, and dispatched jobs run', async () => {
  await using one = await Sibling.start(folder)
  await one.dispatch('note', ['first'], { delay: 1 })
  await one.ran('first')
  for (const name of ['shared.db', 'shared.db-wal', 'shared.db-shm']) rmSync(path(name))
  await one.dispatch('note', ['second'], { delay: 1 })
  await one.ran('second')
  expect(one.reports).toEqual(['AFTERWORD_JOURNAL_LOST'])
  rmSync(path('shared.db-wal'))
  await one.dispatch('note', ['third'], { delay: 1 })
  await one.ran('third')
  expect(one.reports).toEqual(['AFTERWORD_JOURNAL_LOST', 'AFTERWORD_JOURNAL_LOST'])
})

test('a copy of all files but the locks by the process itself loses no record, although others open and close them', async () => {
  await using one = await Sibling.start(folder, { options: { worker: false } })
  await one.dispatch('note', ['first'], { delay: 1 })
  await expect.poll(() => existsSync(path('shared.db-wal')), { timeout: 10_000 }).toBe(true)
  for (let i = 0; i < 3; i++) {
    const to = `${folder}-copy-${i}`
    one.send({ type: 'copy', to })
    await one.program.message('copied', (message) => message.to === to)
    new DatabaseSync(path('shared.db'), { timeout: 5000 }).close()
    new DatabaseSync(path('1.db'), { timeout: 5000 }).close()
    await one.dispatch('note', [`more-${i}`], { delay: 1 })
    rmSync(to, { recursive: true })
  }
  await one.kill()
  await using two = await Sibling.start(folder)
  for (const what of ['first', 'more-0', 'more-1', 'more-2']) await two.ran(what)
})

test('a database of a newer release is said to be that, and stays where it is', async () => {
  const before = new Afterword({ journal: folder })
  await before
    .job('send', () => {})
    .with({ delay: 3_600_000 })
    .dispatch()
  await before.close()
  {
    using database = new DatabaseSync(path('shared.db'))
    database.exec('UPDATE afterword SET version = 99')
  }
  const files = readdirSync(folder).sort()
  expect(() => new Afterword({ journal: folder })).toThrow(expect.objectContaining({ code: 'AFTERWORD_JOURNAL_NEWER' }))
  expect(readdirSync(folder).sort()).toEqual(files)
  {
    using database = new DatabaseSync(path('shared.db'))
    database.exec('UPDATE afterword SET version = 2')
  }
  using reports = new Reports()
  await using after = new Afterword({ journal: folder })
  expect(await after.job('send', () => 1).defer().outcome).toEqual({ status: 'done', value: 1 })
  expect(reports.codes).toEqual([])
})

describe('a slot that a newer release has left', () => {
  test.each([
    [
      'its log',
      (slot: number) => {
        const frame = new FrameBuffer()
        frame.add(JSON.stringify({ log: 2, bytes: 65_536, oldest: 1, full: false }))
        writeFileSync(path(`${slot}.log`), Buffer.concat([frame.take(1, 0), Buffer.alloc(65_536)]))
      },
      'version 2; this release knows version 1',
    ],
    [
      'its database',
      (slot: number) => {
        using database = new DatabaseSync(path(`${slot}.db`))
        database.exec('CREATE TABLE afterword (version INTEGER); INSERT INTO afterword VALUES (99)')
      },
      'version 99;',
    ],
  ])('is said to be that, and stays where it is: %s', async (_which, leave, told) => {
    const leaveSlot = (slot: number) => {
      leave(slot)
      writeFileSync(path(`${slot}.lock`), '')
    }
    leaveSlot(7)
    const files = () => readdirSync(folder).filter((name) => /^7\.(db|log)/.test(name))
    const before = files()
    using reports = new Reports()
    const reported = reports.next
    await using afterword = new Afterword({ journal: folder })
    afterword.job('send', () => {})
    const { error } = await reported
    expect([error.code, error.message]).toEqual(['AFTERWORD_JOURNAL_NEWER', expect.stringContaining(told)])
    expect(files()).toEqual(expect.arrayContaining(before))
    expect(files().filter((name) => name.includes('damaged'))).toEqual([])
    expect(await afterword.job('other', () => 1).defer().outcome).toEqual({ status: 'done', value: 1 })
    // Slots are looked at anew, since there is another job: the first one is not reported again.
    const next = reports.next
    leaveSlot(8)
    expect((await next).error.message).toContain('8.')
    await afterword.close()
    expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_NEWER', 'AFTERWORD_JOURNAL_NEWER'])
  })
})

test('a shared database in which another process writes for long while it is new is opened when that process has written', async () => {
  const program = `
    import { DatabaseSync } from 'node:sqlite'
    const database = new DatabaseSync(${JSON.stringify(path('shared.db'))})
    database.exec('BEGIN IMMEDIATE; CREATE TABLE other (a)')
    process.send('locked')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000)
    database.exec('COMMIT')
    process.disconnect()`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program]
  const other = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(other, 'exit')
  await once(other, 'message')
  const file = new SharedFile(folder, 'normal', (code) => expect.unreachable(code))
  using database = file.open()
  expect(database.prepare('SELECT count(*) AS records FROM afterword_records').get()).toEqual({ records: 0 })
  file.close()
  await exited
})
