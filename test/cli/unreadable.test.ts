import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { asAnybody } from '../crash/command.ts'
import { Command, type CommandOptions } from '../support/command.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-unreadable-'))))
afterEach(() => rmSync(folder, { recursive: true }))

async function afterword(args: readonly string[], options?: CommandOptions) {
  await using command = new Command(args, options)
  const code = await command.exited
  return { code, stdout: command.stdout, stderr: command.stderr }
}

/** Failed records in the first slot, as many again in the second, and a pending one that any process may take. */
async function fill(many: number): Promise<string[]> {
  using _reports = new Reports()
  const [first, second] = [new Afterword({ journal: folder }), new Afterword({ journal: folder })]
  const ids: string[] = []
  for (const afterword of [first, second]) {
    const Fail = afterword.job('fail', (_text: string) => Promise.reject(new Error('no luck')), { retries: 0 })
    const tasks = Array.from({ length: many }, () => Fail.defer('x'.repeat(500)))
    await Promise.all(tasks.map(({ outcome }) => outcome))
    ids.push(...tasks.map(({ id }) => id))
  }
  await first.job('later', () => {}, { delay: 3_600_000 }).dispatch()
  await second.close()
  await first.close()
  return ids
}

/** Up to the last quarter. @param from a share of the file */
function damage(file: string, from: 0 | 0.25): void {
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.fill('damage', from * bytes.length, 0.75 * bytes.length))
}

const damaged = (file: string) =>
  expect.stringMatching(
    new RegExp(
      `^"${join(folder, file)}" is damaged: .*\\. A process that starts with this journal moves it aside\\.\\n$`,
    ),
  )
const noJournal = (path: string) =>
  `"${path}" is no journal.\nGive the folder that configure({ journal }) names, or the file of an app's own database.\n`
const forbidden = (path: string) => `This user may not read and write "${path}", or not the folder that it is in.\n`

describe('afterword leaves a path that is no journal as it is, and says so', () => {
  test.each(['nothing', 'file/nothing'])('a path that does not exist: %s', async (name) => {
    writeFileSync(join(folder, 'file'), '')
    const path = join(folder, name)
    expect(await afterword(['status', path])).toEqual({ code: 1, stdout: '', stderr: `"${path}" does not exist.\n` })
  })

  test('a folder without a journal', async () => {
    expect(await afterword(['list', folder])).toEqual({ code: 1, stdout: '', stderr: noJournal(folder) })
    expect(readdirSync(folder)).toEqual([])
  })

  test.each([
    ['an empty file', () => writeFileSync(join(folder, 'file'), '')],
    ['a text', () => writeFileSync(join(folder, 'file'), 'this is no database'.repeat(100))],
    ['a database without its tables', () => new DatabaseSync(join(folder, 'file')).exec('CREATE TABLE a (b)')],
  ])('%s', async (_what, make) => {
    make()
    const path = join(folder, 'file')
    const before = readFileSync(path)
    expect(await afterword(['retry', path, '--all'])).toEqual({ code: 1, stdout: '', stderr: noJournal(path) })
    expect(readFileSync(path)).toEqual(before)
  })
})

describe('afterword with a damaged database shows the others', () => {
  test.each([
    ['from its first bytes on', 0],
    ['in its midst', 0.25],
  ] as const)('%s', async (_where, from) => {
    const ids = await fill(100)
    damage(join(folder, '1.db'), from)
    const status = await afterword(['status', folder, '--json'])
    expect(status).toMatchObject({ code: 1, stderr: damaged('1.db') })
    expect(JSON.parse(status.stdout)).toMatchObject([
      { name: '2', failed: 100 },
      { name: 'shared', pending: 1 },
    ])
    const list = await afterword(['list', folder, '--json'])
    expect(list).toMatchObject({ code: 1, stderr: damaged('1.db') })
    const listed = JSON.parse(list.stdout).map(({ id }: { id: string }) => id)
    expect(listed.slice(-101)).toEqual([...ids.slice(100), expect.any(String)])
  })

  test('a record named by its id is found, and changed', async () => {
    const [lost = '', found = ''] = await fill(1)
    damage(join(folder, '1.db'), 0)
    expect(await afterword(['show', folder, found])).toMatchObject({ code: 0, stderr: damaged('1.db') })
    expect(await afterword(['retry', folder, lost])).toMatchObject({ code: 1, stderr: damaged('1.db') })
    expect(await afterword(['retry', folder, found])).toMatchObject({ code: 0, stderr: damaged('1.db') })
  })

  test('--all changes the failed records of the others', async () => {
    await fill(100)
    damage(join(folder, '2.db'), 0)
    expect(await afterword(['discard', folder, '--all'])).toEqual({
      code: 1,
      stdout: '100 records are deleted.\n',
      stderr: damaged('2.db'),
    })
  })

  test('the shared database may be the damaged one', async () => {
    await fill(1)
    damage(join(folder, 'shared.db'), 0)
    const { code, stdout, stderr } = await afterword(['status', folder, '--json'])
    expect([code, stderr]).toEqual([1, damaged('shared.db')])
    expect(JSON.parse(stdout)).toMatchObject([{ name: '1' }, { name: '2' }])
  })
})

test('afterword with a database that another process keeps locked shows the others', async () => {
  const ids = await fill(1)
  using database = new DatabaseSync(join(folder, '1.db'))
  database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT')
  const { code, stdout, stderr } = await afterword(['list', folder, '--json'])
  expect([code, stderr]).toEqual([
    1,
    `Another process keeps "${join(folder, '1.db')}" locked: its disk may not answer.\n`,
  ])
  const listed = JSON.parse(stdout).map(({ id }: { id: string }) => id)
  expect(listed).toEqual([ids[1], expect.any(String)])
})

test("an app's own database that is damaged is not moved", async () => {
  const file = join(folder, 'app.db')
  const database = new DatabaseSync(file)
  const living = new Afterword({ journal: { database } })
  await living.job('later', (_text: string) => {}, { delay: 3_600_000 }).dispatch('x'.repeat(50_000))
  await living.close()
  database.close()
  damage(file, 0.25)
  const { code, stderr } = await afterword(['status', file])
  expect([code, stderr]).toEqual([1, expect.stringMatching(/app\.db" is damaged: [^.]*\.\n$/)])
})

describe('afterword says what this user may not do', () => {
  const under = asAnybody()

  test('a folder that may not be read', async () => {
    const path = join(folder, 'journal')
    mkdirSync(path, { mode: 0o000 })
    expect(await afterword(['status', path], { under })).toEqual({ code: 1, stdout: '', stderr: forbidden(path) })
  })

  test("a slot of another user's process", async () => {
    await fill(1)
    for (const file of ['1.db', '1.lock']) chmodSync(join(folder, file), 0o000)
    const { code, stdout, stderr } = await afterword(['list', folder], { under })
    expect([code, stderr]).toEqual([1, forbidden(join(folder, '1.db'))])
    expect(stdout.split('\n')).toHaveLength(4)
  })
})
