import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Command, screen } from '../support/command.ts'
import { Reports } from '../support/reports.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

let folder: string
let ids: string[]

/** A journal with two failed records and a pending one, of a process that has ended. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-cli-'))
  using _reports = new Reports()
  const afterword = new Afterword({ journal: folder, shutdownTimeout: 0 })
  const Fail = afterword.job('fail', (_what: object) => Promise.reject(new TypeError('no luck')), { retries: 0 })
  const Later = afterword.job('later', (_n: number) => {})
  const failed = [Fail.defer({ n: 1, at: new Date(0) }), Fail.defer({ n: 2, at: new Date(0) })]
  await Promise.all(failed.map(({ outcome }) => outcome))
  ids = [...failed.map(({ id }) => id), await Later.with({ delay: 3_600_000, retries: 2, timeout: 100 }).dispatch(3)]
  await afterword.close()
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Listed {
  readonly job: string
  readonly version: number
  readonly state: string
}

interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** As `npx afterword` runs it. */
function afterword(...args: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' }, maxBuffer: Infinity }
    const flags = ['--disable-warning=ExperimentalWarning', main]
    execFile(process.execPath, [...flags, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

const json = async (...args: string[]) => JSON.parse((await afterword(...args, '--json')).stdout)

test('afterword status counts records', async () => {
  const { code, stdout } = await afterword('status', folder)
  expect(code).toBe(0)
  expect(stdout.replace(/\d+ KiB/g, 'n KiB')).toBe(
    [
      // Columns that no row fills are left out.
      'name    alive  running  pending  failed  size',
      '1       no     0        0        2       n KiB',
      'shared         0        1        0       n KiB',
      '',
      'job    due  later  queued  failed',
      'fail   0    0      0       2',
      'later  0    1      0       0',
      '',
    ].join('\n'),
  )
  await using _living = new Afterword({ journal: folder })
  expect(await json('status', folder)).toMatchObject([
    { name: '1', alive: true, pid: process.pid, running: 0, pending: 0, failed: 2 },
    { name: 'shared', pending: 1, failed: 0 },
  ])
})

test('afterword list and show print each record', async () => {
  const { stdout } = await afterword('list', folder)
  const [head, first, , third] = stdout.split('\n')
  expect(head).toMatch(/^id +state +job +version +attempt +created +runAt +reason +args +error$/)
  const args = '\\{ n: 1, at: 1970-01-01T00:00:00.000Z \\}'
  expect(first).toMatch(
    new RegExp(`^${ids[0]} +failed +fail +1 +1 +\\d{4}-[^ ]*Z +failed +${args} +TypeError: no luck$`),
  )
  expect(third).toMatch(new RegExp(`^${ids[2]} +pending +later +1 +0 +\\d{4}-[^ ]*Z +\\d{4}-[^ ]*Z +3$`))
  const { created, runAt } = await json('show', folder, String(ids[2]))
  expect(third?.split(/ +/).slice(-3)).toEqual([created, runAt, '3'])
  expect(await json('show', folder, String(ids[0]))).toMatchObject({
    id: ids[0],
    state: 'failed',
    reason: 'failed',
    args: [{ n: 1, at: '1970-01-01T00:00:00.000Z' }],
    error: expect.stringContaining('TypeError: no luck\n'),
  })
  expect((await afterword('show', folder, String(ids[2]))).stdout).toMatch(
    /\noptions {3}\{ timeout: 100, retries: 2 \}\nargs {6}\[ 3 \]\n$/,
  )
  expect(await json('show', folder, String(ids[2]))).toMatchObject({ options: { timeout: 100, retries: 2 }, args: [3] })
})

test('afterword show says that there is no such record', async () => {
  expect(await afterword('show', folder, 'zz')).toEqual({ code: 1, stdout: '', stderr: 'There is no record zz.\n' })
  expect(await afterword('show', folder, '1-1-zz', '--json')).toEqual({ code: 1, stdout: 'null\n', stderr: '' })
})

describe('afterword show prints arguments', () => {
  const deep = { a: { b: { c: { d: [Number.NaN, undefined, -0, 1n] } } } }
  const args = [new Map([['k', new Set([deep])]]), new Date(0), Array(101).fill(7), new RangeError('too far')]
  let id: string
  beforeEach(async () => {
    await using before = new Afterword({ journal: folder, worker: false })
    id = await before.job('later', (..._args: unknown[]) => {}).dispatch(...args)
  })

  test('as Node shows them, all of them', async () => {
    const { stdout } = await afterword('show', folder, id)
    const shown = stdout.slice(stdout.indexOf('args')).replace(/\s+/g, ' ')
    expect(shown).toContain("Map(1) { 'k' => Set(1) { { a: { b: { c: { d: [ NaN, undefined, -0, 1n ] } } } } } }")
    expect(shown).toContain(', 1970-01-01T00:00:00.000Z, ')
    expect(shown.match(/\b7\b(?=,| \])/g)).toHaveLength(101)
    expect(shown).toMatch(/RangeError\]?: too far at /)
    expect((await json('show', folder, id)).args[1]).toBe('1970-01-01T00:00:00.000Z')
  })

  test.each([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ])('in colours on a terminal that has colours: %j', async (env, expected) => {
    await using command = new Command(['show', folder, id], { terminal: true, env })
    expect(await command.exited).toBe(0)
    expect(command.stdout.includes('\x1b[33mNaN\x1b[39m')).toBe(expected)
    expect(stripVTControlCharacters(command.stdout)).toContain('NaN')
  })

  test('as they are stored where they can not be decoded', async () => {
    {
      using database = new DatabaseSync(join(folder, 'shared.db'))
      database.prepare('UPDATE afterword_records SET args = ? WHERE job = ?').run('~[["array",1],["what"]]', 'later')
    }
    expect((await afterword('show', folder, id)).stdout).toMatch(/\nargs {6}~\[\["array",1\],\["what"\]\]\n$/)
  })
})

test('afterword list makes columns as wide as failed and pending records need', async () => {
  await using living = new Afterword({ journal: folder, worker: false })
  await living.job('a-job-with-a-longer-name', () => {}, { version: 12 }).dispatch()
  const lines = (await afterword('list', folder)).stdout.split('\n').slice(0, -1)
  expect(lines).toHaveLength(5)
  const deferred = lines[0]?.indexOf('created')
  expect(new Set(lines.slice(1).map((line) => line.search(/\d{4}-/)))).toEqual(new Set([deferred]))
  // It is due already. The record may still be in the log, which is listed before the shared database.
  expect(lines.filter((line) => / +a-job-with-a-longer-name +12 +0 +[^ ]+Z$/.test(line))).toHaveLength(1)
})

test('afterword retry makes a record pending, and a living process runs it', async () => {
  await using living = new Afterword({ journal: folder })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  living.job('fail', (what: object) => resolve([living.currentTask()?.id, living.currentTask()?.attempt, what]))
  const { code, stdout } = await afterword('retry', folder, String(ids[1]))
  expect([code, stdout]).toEqual([0, `${ids[1]} is pending again\n`])
  expect(await promise).toEqual([ids[1], 1, { n: 2, at: new Date(0) }])
})

test('afterword discard deletes one record, or all', async () => {
  expect(await afterword('discard', folder, String(ids[0]))).toMatchObject({ code: 0 })
  expect(await afterword('discard', folder, String(ids[0]))).toMatchObject({ code: 1 })
  // All that has failed: what is pending is deleted by its id alone.
  expect(await json('discard', folder, '--all')).toEqual([{ id: ids[1], done: true }])
  expect(await json('list', folder)).toMatchObject([{ id: ids[2], state: 'pending' }])
  expect(await afterword('discard', folder, String(ids[2]))).toMatchObject({
    code: 0,
    stdout: `${ids[2]} is deleted\n`,
  })
  expect(await json('list', folder)).toEqual([])
})

test('afterword status and list tell of records that no living process can run', async () => {
  const keys = { old: Buffer.alloc(32, 1).toString('hex'), own: Buffer.alloc(32, 2).toString('hex') }
  const dispatch = async (job: string, key: string, version: number) => {
    await using before = new Afterword({ journal: { path: folder, encrypt: { key } }, worker: false })
    await before.job(job, () => {}, { version, delay: 3_600_000 }).dispatch()
  }
  await dispatch('known', keys.own, 1)
  await dispatch('known', keys.own, 2)
  await dispatch('known', keys.old, 1)
  await using living = new Afterword({ journal: { path: folder, encrypt: { key: keys.own } }, worker: false })
  const Known = living.job('known', () => {})
  await Known.dispatch()
  const { stdout } = await afterword('status', folder)
  expect(stdout.split('\n').slice(-4)).toEqual([
    '1 of "known", version 1: no living process has their key',
    '1 of "known", version 2: no living process knows that',
    '1 of "later", version 1: no living process knows that',
    '',
  ])
  const states = (await json('list', folder)).slice(2)
  expect(states.map(({ job, version, state }: Listed) => [job, version, state])).toEqual([
    ['later', 1, 'unknown'],
    ['known', 1, 'pending'],
    ['known', 2, 'unknown'],
    ['known', 1, 'sealed'],
    ['known', 1, 'pending'],
  ])
})

describe('afterword list and show print an encrypted value', () => {
  const key = Buffer.alloc(32, 7)
  let id: string
  beforeEach(async () => {
    using _reports = new Reports()
    await using sealing = new Afterword({ journal: { path: folder, encrypt: { key } } })
    const Fail = sealing.job('secret', (_n: bigint) => Promise.reject(new Error('hidden')), { retries: 0, key: 'k' })
    const task = Fail.defer(12n)
    await task.outcome
    id = task.id
  })

  test('as (sealed) without its key', async () => {
    expect(await json('show', folder, id)).toMatchObject({ args: '(sealed)', error: '(sealed)', key: '(sealed)' })
    const { stdout } = await afterword('show', folder, id)
    expect(stdout).toMatch(/\nargs {6}\(sealed\)\n\n\(sealed\)\n$/)
    expect((await afterword('list', folder)).stdout).toMatch(/ secret .* \(sealed\) +\(sealed\)\n/)
  })

  test('decrypted by its key, among others', async () => {
    process.env.AFTERWORD_KEY = `${Buffer.alloc(32).toString('hex')}, ${key.toString('base64')}`
    try {
      const shown = await json('show', folder, id)
      expect(shown).toMatchObject({ args: ['12n'], error: expect.stringMatching(/^Error: hidden\n/), key: '(sealed)' })
      expect((await afterword('list', folder)).stdout).toMatch(/ secret .* 12n +Error: hidden\n/)
    } finally {
      delete process.env.AFTERWORD_KEY
    }
  })

  test.each(['hidden', `${key.toString('base64')}, hidden`])(
    'not decrypted by a value that is no key: %s',
    async (given) => {
      process.env.AFTERWORD_KEY = given
      try {
        for (const args of [['list'], ['show', id]] as const) {
          const [name, ...ids] = args
          const { code, stdout, stderr } = await afterword(name, folder, ...ids)
          expect([code, stdout]).toEqual([1, ''])
          expect(stderr).toMatch(
            /^AFTERWORD_INVALID_OPTION: AFTERWORD_KEY: expected key to be 32 bytes.*, got a text of 6 characters\. .*\n$/,
          )
        }
        expect(await afterword('status', folder)).toMatchObject({ code: 0, stderr: '' })
      } finally {
        delete process.env.AFTERWORD_KEY
      }
    },
  )
})

describe('a thousand records', () => {
  const many = 1234

  beforeEach(() => {
    using database = new DatabaseSync(join(folder, '1.db'))
    database.exec(`
      WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT ${many - 2})
      INSERT INTO afterword_failed (key, job, version, args, created, attempt, singleton, reason, error, failed_at)
      SELECT key + n.value, job, 1, args, created, 1, iif(n.value < 3, 'same', NULL), reason, error, failed_at
      FROM (SELECT * FROM afterword_failed ORDER BY key DESC LIMIT 1), n`)
  })

  test('afterword list --json prints one array, a line for each record', async () => {
    const { stdout } = await afterword('list', folder, '--json')
    expect(JSON.parse(stdout)).toHaveLength(many + 1)
    expect(stdout.split('\n')).toHaveLength(many + 4)
  })

  test('afterword list ends when its reader does', async () => {
    const command = `"$0" --disable-warning=ExperimentalWarning "$@" | head -n 2`
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command, process.execPath, main, 'list', folder])
    expect(stdout.split('\n')).toHaveLength(3)
    expect(stderr).toBe('')
  })

  test('afterword retry --all counts; a record whose key another one has by now stays', async () => {
    expect(await afterword('retry', folder, '--all')).toMatchObject({
      code: 1,
      stdout: '1,233 records are pending again. 1 record not: another record has the key of each by now.\n',
    })
    expect(await json('status', folder)).toMatchObject([{ pending: 1233, failed: 1 }, {}])
  })

  test('afterword discard --all shows a bar of its progress on a terminal', async () => {
    await using command = new Command(['discard', folder, '--all'], { terminal: true })
    expect(await command.exited).toBe(0)
    expect(command.stdout).toMatch(/█+.*░+ 40 % {2}500 of 1,234/)
    expect(command.stdout).toMatch(/█+.*░+ 81 % {2}1,000 of 1,234/)
    expect(command.stdout).toMatch(/█+.* 100 % {2}1,234 of 1,234/)
    expect(screen(command.stdout)).toEqual(['1,234 records are deleted.'])
    expect(await afterword('discard', folder, '--all')).toMatchObject({ code: 0, stdout: 'Nothing has failed.\n' })
  })
})

test("afterword takes the file of an app's own database", async () => {
  using _reports = new Reports()
  const file = join(folder, 'app.db')
  const living = new Afterword({ journal: { database: new DatabaseSync(file) } })
  const Fail = living.job('fail', () => Promise.reject(new Error('no luck')), { retries: 0 })
  const task = Fail.defer()
  await task.outcome
  await living.drain()
  expect(await json('status', file)).toMatchObject([{ name: 'app.db', pending: 0 }])
  await living.close()
  expect(await json('list', file)).toMatchObject([{ id: task.id, state: 'failed' }])
  expect(await afterword('discard', file, task.id)).toMatchObject({ code: 0 })
  expect(await json('list', file)).toEqual([])
})

test('no command prints control characters of names, arguments, keys or errors; --json escapes them', async () => {
  const evil = '\x1b[2J\x1b]0;pwned\x07\r\x9b2K\x7f\u202e\u2066'
  using _reports = new Reports()
  const own = new Afterword({ journal: folder })
  const fail = (what: string) => Promise.reject(new Error(`no such address: ${what}\n\tsecond line`))
  const deferred = own.job(`evil ${evil}`, fail, { retries: 0, key: (what) => what }).defer(evil)
  await deferred.outcome
  await own.close()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]/
  for (const args of [
    ['list'],
    ['show', deferred.id],
    ['status'],
    ['retry', evil],
    ['retry', '--all'],
    ['status', evil],
  ]) {
    const [command = '', ...rest] = args
    for (const options of [[], ['--json']]) {
      const { stdout, stderr } = await afterword(command, folder, ...rest, ...options)
      expect(stdout).not.toMatch(controls)
      expect(stderr).not.toMatch(controls)
    }
  }
})

test('afterword show --json gives control characters back', async () => {
  const evil = '\x1b[2J\x9b2K\x7f'
  using _reports = new Reports()
  const own = new Afterword({ journal: folder })
  const deferred = own.job('evil', (what: string) => Promise.reject(new Error(what)), { retries: 0 }).defer(evil)
  await deferred.outcome
  await own.close()
  expect(await json('show', folder, deferred.id)).toMatchObject({ args: [evil], error: expect.stringContaining(evil) })
})
