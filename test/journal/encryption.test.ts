import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, type EncryptOptions, subscribe } from '../../src/index.ts'
import { type Message, Program } from '../support/program.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-seal-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const key = new Uint8Array(32).fill(1)
const other = Buffer.alloc(32, 2).toString('base64')

/** An instance on the folder. */
function open(encrypt?: EncryptOptions, more: { worker?: boolean } = {}): Afterword {
  return new Afterword({ journal: { path: folder, ...(encrypt && { encrypt }) }, shutdownTimeout: 0, ...more })
}

/** Finds those of some texts that the files of the folder hold. */
function found(...texts: string[]): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
  const files = entries.map(({ name }) => readFileSync(join(folder, name)))
  return texts.filter((text) => files.some((bytes) => bytes.includes(text)))
}

function database(name: string): DatabaseSync {
  return new DatabaseSync(join(folder, `${name}.db`))
}

function rows(sql: string, name = '1'): Record<string, unknown>[] {
  using open = database(name)
  return open.prepare(sql).all()
}

/** Resolves when a job ran, with its arguments. */
function ran(afterword: Afterword, job: string): Promise<unknown[]> {
  return new Promise((resolve) => void afterword.job(job, (...args: unknown[]) => resolve(args)))
}

/** Leaves a record of the job `send` that this process has not run: its own one, or one that any may take. */
async function leave(encrypt: EncryptOptions | undefined, what: unknown, shared = false): Promise<string> {
  const [id] = await leaveAll(encrypt, [what], shared)
  return id as string
}

/** Leaves several calls of one process. */
async function leaveAll(encrypt: EncryptOptions | undefined, whats: unknown[], shared = false): Promise<string[]> {
  const afterword = open(encrypt)
  const Send = afterword.job('send', (_what: unknown): unknown => new Promise(() => {}))
  const ids: string[] = []
  for (const what of whats) {
    const task = shared ? undefined : Send.defer(what)
    await task?.accepted
    ids.push(task?.id ?? (await Send.with({ delay: 1 }).dispatch(what)))
  }
  await afterword.close()
  return ids
}

/** Resolves with the first report of that code. */
function reported(code: string): Promise<string> {
  return new Promise((resolve) => {
    const stop = subscribe('report', ({ error }) => {
      if (error.code !== code) return
      stop()
      resolve(error.message)
    })
  })
}

describe('journal.encrypt', () => {
  const secrets = ['secret of the arguments', 'secret of the error', 'secret of the key']

  async function store(encrypt?: EncryptOptions): Promise<Afterword> {
    const afterword = open(encrypt)
    const Fail = afterword.job('fail', () => Promise.reject(new Error('secret of the error')), { retries: 0 })
    const Keep = afterword.job('keep', (_what: object): unknown => new Promise(() => {}))
    await Fail.defer().outcome
    await Keep.defer({ plain: 'secret of the arguments' }).accepted
    await Keep.defer({ not: new Set(['secret of the arguments']) }).accepted
    await Keep.with({ key: 'secret of the key', delay: 60_000 }).dispatch({})
    return afterword
  }

  test('without a key leaves arguments, errors and unique keys readable in the files', async () => {
    using _reports = new Reports()
    const afterword = await store()
    expect(found(...secrets)).toEqual(secrets)
    await afterword.close()
    expect(found(...secrets)).toEqual(secrets)
  })

  test('with a key leaves no argument, error or unique key readable in the files', async () => {
    using _reports = new Reports()
    const afterword = await store({ key })
    expect(readdirSync(folder)).toContain('1.db-wal')
    expect(found(...secrets)).toEqual([])
    await afterword.close()
    expect(found(...secrets)).toEqual([])
    expect(rows('SELECT error FROM afterword_failed')).toEqual([{ error: expect.stringMatching(/^sealed:/) }])
    // What is the same is not seen to be.
    const stored = rows('SELECT args FROM afterword_records').map(({ args }) => args)
    expect(stored).toHaveLength(2)
    expect(new Set(stored.map((args) => String(args).slice(-20))).size).toBe(2)
  })
})

describe('an encrypted record', () => {
  test('runs in the next process', async () => {
    await leave({ key }, new Map([[1, new Date(0)]]))
    await using after = open({ key: Buffer.from(key).toString('hex') })
    expect(await ran(after, 'send')).toEqual([new Map([[1, new Date(0)]])])
  })

  test('survives kill -9', async () => {
    const hex = Buffer.from(key).toString('hex')
    await using first = new Sealer(hex)
    const own = await first.keep('keep', 'own')
    const shared = await first.keep('share', 'shared')
    first.program.kill()
    await first.program.exited
    await using second = new Sealer(hex)
    expect(await second.ran('own')).toMatchObject({ id: own })
    expect(await second.ran('shared')).toMatchObject({ id: shared })
  })

  test('runs with a previous key, and later records have the new key', async () => {
    await leave({ key }, 'of the old key')
    const ids = () => rows('SELECT substr(args, 1, 15) AS id FROM afterword_records').map(({ id }) => id)
    const [old] = ids()
    {
      await using rotated = open({ key: other, previous: [key] })
      expect(await ran(rotated, 'send')).toEqual(['of the old key'])
    }
    expect(ids()).toEqual([])
    await leave({ key: other, previous: [key] }, 'of the new key')
    expect(ids()).toEqual([expect.not.stringMatching(String(old))])
    await using without = open({ key: other })
    expect(await ran(without, 'send')).toEqual(['of the new key'])
  })

  test('runs next to earlier records without encryption', async () => {
    await leave(undefined, 'plain')
    await leave({ key }, 'sealed')
    const seen = new Set<unknown>()
    await using after = open({ key })
    await new Promise<void>((resolve) => {
      after.job('send', (what: unknown) => seen.add(what).size === 2 && resolve())
    })
    expect(seen).toEqual(new Set(['plain', 'sealed']))
  })

  test('keeps its unique key under another encryption key, or none', async () => {
    const { id: plain } = await dispatchKeyed(undefined, 'a')
    const { id: old } = await dispatchKeyed({ key }, 'b')
    const rotated = { key: other, previous: [key] }
    expect(await dispatchKeyed(rotated, 'a')).toEqual({ id: plain })
    expect(await dispatchKeyed(rotated, 'b')).toEqual({ id: old })
    const { id: fresh } = await dispatchKeyed(rotated, 'c')
    // A process that has not got the new key in front yet.
    expect(await dispatchKeyed({ key, previous: [other] }, 'c')).toEqual({ id: fresh })
    expect(rows('SELECT key FROM afterword_records', 'shared')).toHaveLength(3)
  })

  test('can be in an app database', async () => {
    const file = join(folder, 'app.db')
    const openApp = (encrypt: EncryptOptions) =>
      new Afterword({ journal: { database: new DatabaseSync(file), encrypt }, shutdownTimeout: 0 })
    const before = openApp({ key })
    const Send = before.job('send', (_what: string): unknown => new Promise(() => {}))
    await Send.defer('secret of the arguments').accepted
    await before.close()
    expect(found('secret of the arguments')).toEqual([])
    await using after = openApp({ key: other, previous: [key] })
    expect(await ran(after, 'send')).toEqual(['secret of the arguments'])
  })

  async function dispatchKeyed(encrypt: EncryptOptions | undefined, unique: string) {
    await using afterword = open(encrypt, { worker: false })
    const Send = afterword.job('send', () => {})
    return { id: await Send.with({ key: unique, delay: 60_000 }).dispatch() }
  }
})

describe('an encrypted record without its key', () => {
  test.each([
    ['of its own', false],
    ['shared', true],
  ])('waits (%s), is reported once, and runs when the key is back', async (_which, shared) => {
    const ids = await leaveAll({ key }, ['a', 'b'], shared)
    for (const wrong of [undefined, { key: other }]) {
      using reports = new Reports()
      const told = reported('AFTERWORD_SEALED')
      const afterword = open(wrong)
      const seen: unknown[] = []
      const Send = afterword.job('send', (what: unknown) => seen.push(what))
      expect(await told).toMatch(/of the job "send" \(\w+\) is encrypted with a key that this process does not have/)
      // It works for all else.
      await Send.defer('mine').outcome
      expect(seen).toEqual(['mine'])
      await afterword.close()
      expect(reports.codes).toEqual(['AFTERWORD_SEALED'])
      expect(rows('SELECT crashes, attempt FROM afterword_records', shared ? 'shared' : '1')).toEqual([
        { crashes: 0, attempt: 0 },
        { crashes: 0, attempt: 0 },
      ])
    }
    const seen = new Map<string, unknown>()
    await using after = open({ key })
    await new Promise<void>((resolve) => {
      after.job('send', (what: unknown) => {
        seen.set(String(after.currentTask()?.id), what)
        if (seen.size === 2) resolve()
      })
    })
    expect(seen).toEqual(
      new Map([
        [ids[0], 'a'],
        [ids[1], 'b'],
      ]),
    )
  })

  test('is left to processes that have the key', async () => {
    const hex = Buffer.from(key).toString('hex')
    await using dead = new Sealer(hex)
    await dead.keep('keep', 'own')
    await using without = new Sealer()
    await without.program.message('ready')
    dead.program.kill()
    await dead.program.exited
    // It has taken the slot over, and can do nothing with it.
    await without.program.message('report')
    await using having = new Sealer(hex)
    await having.ran('own')
    // Of what is shared it takes none.
    await having.keep('share', 'shared')
    await having.ran('shared')
    expect(without.program.messages.filter(({ type }) => type !== 'ready')).toEqual([
      expect.objectContaining({ type: 'report', code: 'AFTERWORD_SEALED' }),
    ])
  })
})

describe('an encrypted record that was tampered with', () => {
  test.each([
    [
      'exchanged with another one',
      '(SELECT args FROM afterword_records AS other WHERE other.key <> afterword_records.key)',
    ],
    ['shortened', 'substr(args, 1, 40)'],
    [
      'with a byte changed',
      "substr(args, 1, 30) || CASE substr(args, 31, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(args, 32)",
    ],
  ])('is listed as failed and reported: %s', async (_how, changed) => {
    await leaveAll({ key }, ['a', 'b'])
    {
      using open = database('1')
      const sql = `SELECT key, ${changed} AS args FROM afterword_records`
      const update = open.prepare('UPDATE afterword_records SET args = ? WHERE key = ?')
      for (const row of open.prepare(sql).all()) update.run(String(row.args), Number(row.key))
    }
    using reports = new Reports()
    const { promise, resolve } = Promise.withResolvers<void>()
    using _listener = { [Symbol.dispose]: subscribe('report', () => reports.all.length === 2 && resolve()) }
    const afterword = open({ key })
    const seen: unknown[] = []
    afterword.job('send', (what: unknown) => seen.push(what))
    await promise
    await afterword.close()
    expect(seen).toEqual([])
    expect(reports.codes).toEqual(['AFTERWORD_UNREADABLE', 'AFTERWORD_UNREADABLE'])
    expect(reports.all[0]?.error.message).toContain('they are encrypted, and were changed or moved from another record')
    expect(rows('SELECT reason FROM afterword_failed')).toEqual([{ reason: 'failed' }, { reason: 'failed' }])
    expect(rows('SELECT * FROM afterword_records')).toEqual([])
  })
})

describe('journal.encrypt.key', () => {
  test('loads the cryptography of Node, which the journal does not need without', async () => {
    await using without = new Sealer()
    await using having = new Sealer(other)
    expect(await without.program.message('ready')).toMatchObject({ cryptography: false })
    expect(await having.program.message('ready')).toMatchObject({ cryptography: true })
  })

  test.each([
    ['bytes', key],
    ['a Buffer', Buffer.from(key)],
    ['hexadecimal', Buffer.from(key).toString('hex')],
    ['base64', Buffer.from(key).toString('base64')],
    ['base64 without padding', Buffer.from(key).toString('base64').replace('=', '')],
    ['base64url', Buffer.from(key).toString('base64url')],
  ])('as %s is the same key', async (_form, form) => {
    await leave({ key }, 'a')
    await using after = open({ key: form })
    expect(await ran(after, 'send')).toEqual(['a'])
  })

  test.each([
    [
      'nothing',
      {},
      'expected key to be 32 bytes: a Uint8Array, or a text of 64 hexadecimal digits or of base64 (43 characters, or 44 with =), got undefined',
    ],
    ['text that is too short', { key: 'deadbeef'.repeat(7) }, 'got a text of 56 characters'],
    ['too few bytes', { key: new Uint8Array(16) }, 'got 16 bytes'],
    ['a previous one', { key, previous: [key, 'deadbeef'] }, 'expected previous to be a list of keys, each 32 bytes'],
    ['previous ones without a list', { key, previous: 'deadbeef' }, 'got a text of 8 characters'],
    ['no options', 'deadbeef', 'expected encrypt to be { key, previous }, got a text of 8 characters'],
    ['another option', { keys: [] }, 'configure, journal, encrypt has no option "keys". Did you mean "key"?'],
  ])('refuses a value that is no key, and does not repeat it: %s', (_what, encrypt, message) => {
    // One text for both: each attempt leaves a listener of the process behind.
    const refusal = errorOf(() => open(encrypt as unknown as EncryptOptions))
    expect(refusal).toContain(message)
    expect(refusal).not.toContain('deadbeef')
    expect(readdirSync(folder)).toEqual([])
  })
})

function errorOf(fn: () => unknown): string {
  try {
    return `nothing was thrown: ${fn()}`
  } catch (error) {
    return (error as Error).message
  }
}

/** A process on the folder, see `programs/encryption.ts`. */
class Sealer implements AsyncDisposable {
  readonly program: Program

  constructor(...keys: string[]) {
    this.program = new Program(new URL('programs/encryption.ts', import.meta.url), { args: [folder, ...keys] })
  }

  /** Resolves with its id once it is stored. */
  async keep(type: 'keep' | 'share', what: string): Promise<string> {
    await this.program.message('ready')
    this.program.send({ type, what })
    return String((await this.program.message<Message>('kept', (message) => message.what === what)).id)
  }

  ran(what: string): Promise<Message> {
    return this.program.message('ran', (message) => message.what === what)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]()
  }
}
