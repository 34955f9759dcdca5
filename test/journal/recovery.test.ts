import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, subscribe } from '../../src/index.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { type Message, Program } from '../support/program.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-journal-'))))
afterEach(() => rmSync(folder, { recursive: true }))

interface Ran extends Message {
  readonly job: string
  readonly what: string
  readonly id: string
  readonly attempt: number
}

/** A process on the folder. */
class Keeper implements AsyncDisposable {
  readonly program: Program

  private constructor(name: string) {
    this.program = new Program(new URL('programs/journal-server.ts', import.meta.url), { args: [folder, name] })
  }

  static async start(name: string): Promise<Keeper> {
    const keeper = new Keeper(name)
    await keeper.program.message('ready')
    return keeper
  }

  /** Resolves with its id once it is kept. */
  async keep(job: string, what: string): Promise<string> {
    this.program.send({ type: 'keep', job, what })
    const { id } = await this.program.message<Message & { id: string }>('kept', (message) => message.what === what)
    return id
  }

  ran(what: string): Promise<Ran> {
    return this.program.message<Ran>('ran', (message) => message.what === what)
  }

  /** The runs of the process so far. */
  get runs(): string[] {
    return this.program.messages.filter(({ type }) => type === 'ran').map(({ what }) => String(what))
  }

  async kill(): Promise<void> {
    this.program.kill()
    await this.program.exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]()
  }
}

describe('after kill -9', () => {
  test('the next process on the slot runs the records that are left, with the same id', async () => {
    await using first = await Keeper.start('first')
    const id = await first.keep('hang', 'left')
    await first.ran('left')
    await first.kill()
    await using second = await Keeper.start('second')
    expect(await second.ran('left')).toMatchObject({ id, attempt: 1 })
  })

  test('a sibling adopts the slot, and releases it when all is done', async () => {
    await using first = await Keeper.start('first')
    await using second = await Keeper.start('second')
    const id = await first.keep('hang', 'left')
    await first.kill()
    expect(await second.ran('left')).toMatchObject({ id })
    // The next process gets the slot as soon as it is free again: nothing of it runs twice.
    await using third = await Keeper.start('third')
    await third.keep('note', 'mine')
    await third.ran('mine')
    expect(third.runs).toEqual(['mine'])
  })

  test('a stopped sibling is not taken for dead', async () => {
    await using stopped = await Keeper.start('stopped')
    await stopped.keep('hang', 'of the stopped one')
    stopped.program.kill('SIGSTOP')
    await using dead = await Keeper.start('dead')
    await dead.keep('hang', 'of the dead one')
    await using living = await Keeper.start('living')
    await dead.kill()
    // It has looked at the slots of both.
    await living.ran('of the dead one')
    expect(living.runs).toEqual(['of the dead one'])
    stopped.program.kill('SIGCONT')
    await stopped.keep('note', 'still there')
    await stopped.ran('still there')
  })

  test('a record that ends its process again and again is listed as poison, and innocent records run', async () => {
    await using first = await Keeper.start('0')
    await first.keep('hang', 'innocent')
    await first.keep('kill', 'poison')
    await first.kill()
    const runs: string[] = []
    let reports: unknown[] = []
    for (let life = 1; life <= 6; life++) {
      await using keeper = await Keeper.start(String(life))
      const report = keeper.program.message('report').catch(() => undefined)
      await Promise.race([keeper.program.exited, report])
      runs.push(...keeper.runs)
      reports = keeper.program.messages.filter(({ type }) => type === 'report').map(({ code }) => code)
    }
    expect(runs.filter((what) => what === 'poison')).toHaveLength(5)
    expect(runs).toContain('innocent')
    expect(reports).toEqual(['AFTERWORD_POISON'])
    using database = new DatabaseSync(join(folder, '1.db'), { readOnly: true })
    expect(database.prepare('SELECT job, reason FROM afterword_failed').all()).toEqual([
      { job: 'kill', reason: 'poison' },
    ])
    expect(database.prepare('SELECT job FROM afterword_records').all()).toEqual([])
  })

  test('an orderly end hands records back, and counts as no crash', async () => {
    for (let life = 0; life < 5; life++) {
      await using keeper = await Keeper.start(String(life))
      if (life === 0) await keeper.keep('stay', 'handed back')
      expect(await keeper.ran('handed back')).toMatchObject({ attempt: 1 })
      keeper.program.send({ type: 'close' })
      await keeper.program.message('closed')
    }
    using database = new DatabaseSync(join(folder, '1.db'), { readOnly: true })
    expect(database.prepare('SELECT job FROM afterword_failed').all()).toEqual([])
  })

  test('the timeout of a job begins with its run, not with the note that it runs', async () => {
    await using first = await Keeper.start('first')
    await first.keep('hang', 'left')
    await first.kill()
    const afterword = new Afterword({ journal: folder, concurrency: 1 })
    const free = Promise.withResolvers<void>()
    afterword.defer(() => free.promise)
    const timeout = 20
    afterword.job('hang', () => 'ran', { timeout, retries: 0 })
    const turnsUntil = async (backlog: number) => {
      while (afterword.status().running < 1 || afterword.status().backlog !== backlog) await new Promise(setImmediate)
    }
    await turnsUntil(1)
    const ended = new Promise((resolve) => {
      const stop = subscribe('task:ended', ({ task, outcome }) => {
        if (task.name !== 'hang') return
        stop()
        resolve(outcome)
      })
    })
    {
      using database = new DatabaseSync(join(folder, '1.db'), { timeout: 5000 })
      database.exec('BEGIN IMMEDIATE')
      free.resolve()
      await turnsUntil(0)
      await new Promise((resolve) => setTimeout(resolve, 2 * timeout))
    }
    expect(await ended).toEqual({ status: 'done', value: 'ran' })
    await afterword.close()
  })
})

describe('a broken folder', () => {
  const open = () => new Afterword({ journal: folder })

  test('a damaged database is moved aside and reported, and a new one begun', async () => {
    writeFileSync(join(folder, '1.db'), 'this is no database, whatever its name says'.repeat(100))
    using reports = new Reports()
    const afterword = open()
    expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_DAMAGED'])
    const Send = afterword.job('send', () => {})
    await Send.dispatch()
    await afterword.close()
    expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toHaveLength(1)
  })

  test('damage in the midst of a file is found when a slot is adopted, not later', async () => {
    const before = new Afterword({ journal: folder, shutdownTimeout: 0 })
    const Hang = before.job('hang', (_text: string) => new Promise(() => {}))
    await Promise.all(Array.from({ length: 500 }, () => Hang.defer('x'.repeat(500)).accepted))
    await before.close()
    const path = join(folder, '1.db')
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill('damage', bytes.length / 4, (3 * bytes.length) / 4))
    using reports = new Reports()
    const reported = reports.next
    const after = open()
    await after.job('send', () => {}).dispatch()
    expect((await reported).error.code).toBe('AFTERWORD_JOURNAL_DAMAGED')
    await after.close()
    expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toHaveLength(1)
  })

  test('a database of a newer release is left alone', () => {
    {
      using database = new DatabaseSync(join(folder, '1.db'))
      database.exec('CREATE TABLE afterword (version INTEGER); INSERT INTO afterword VALUES (99)')
    }
    expect(open).toThrow(expect.objectContaining({ code: 'AFTERWORD_JOURNAL_NEWER' }))
    using database = new DatabaseSync(join(folder, '1.db'), { readOnly: true })
    expect(database.prepare('SELECT * FROM afterword').all()).toEqual([{ version: 99 }])
  })

  test('configure({ journal }) refuses a path that is a file', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(() => new Afterword({ journal: join(folder, 'file') })).toThrow(
      expect.objectContaining({ code: 'AFTERWORD_JOURNAL_FOLDER' }),
    )
  })
})

test('a full disk: the client gets 503 for jobs that can not be kept, and answered jobs are stored', async () => {
  const program = fileURLToPath(new URL('programs/full-disk.ts', import.meta.url))
  // A limit on the size of files, in blocks of 512 bytes, whose signal is ignored: writes fail as on a full disk.
  const command = `trap '' XFSZ; ulimit -f 2048; exec "$0" --disable-warning=ExperimentalWarning "$@"`
  const run = promisify(execFile)('sh', ['-c', command, process.execPath, program, folder], {
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const { stdout } = await run.catch((error: { stdout: string }) => error)
  const { kept, ...refused } = JSON.parse(stdout)
  expect(refused).toEqual({
    status: 503,
    body: 'The work that belongs to this request could not be stored. Please try again.\n',
    retry: '1',
    done: null,
  })
  expect(kept.length).toBeGreaterThan(10)
  await using inspector = new Inspector(folder)
  const listed: unknown[] = []
  for await (const page of inspector.records({ state: 'pending' }))
    listed.push(...page.map(({ args }) => JSON.parse(args)[0]))
  expect(listed).toEqual(kept)
})
