import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, type AfterwordOptions } from '../../src/index.ts'
import { FailedRecords } from '../../src/journal/failed-records.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { compiledOnce, Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-cancel-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const hour = 3_600_000
const appDatabase = () => join(folder, 'app.db')
const places: Record<string, () => AfterwordOptions> = {
  'in a journal': () => ({ journal: folder }),
  "in a journal with sync: 'full'": () => ({ journal: { path: folder, sync: 'full' } }),
  'in an encrypted journal': () => ({ journal: { path: folder, encrypt: { key: '7'.repeat(64) } } }),
  'in a database of the app': () => ({ journal: { database: new DatabaseSync(appDatabase()) } }),
}

async function listed(path = folder): Promise<string[]> {
  await using inspector = new Inspector(path)
  const ids: string[] = []
  for await (const page of inspector.records()) ids.push(...page.map(({ id }) => id))
  return ids
}

/** Discards a record from outside. @returns whether that was done */
async function discard(id: string, path = folder): Promise<boolean> {
  await using failed = new FailedRecords(path)
  for await (const [changed] of failed.discard([id])) return changed?.done === true
  throw new Error('The inspection has ended')
}

describe.each(Object.keys(places))('instance().cancel(id), %s,', (place) => {
  const open = () => new Afterword({ shutdownTimeout: 0, ...places[place]?.() })
  const path = () => (place.includes('app') ? appDatabase() : folder)

  test('withdraws a delayed call, and one of a job that is not known any more', async () => {
    const afterword = open()
    const Remind = afterword.job('remind', (_user: string) => {})
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((user) => Remind.with({ delay: hour }).dispatch(user)))
    expect(await afterword.cancel(a as string)).toBe(true)
    expect(await afterword.cancel(a as string)).toBe(false)
    await afterword.close()
    await using later = open()
    later.job('renamed', () => {})
    expect(await later.cancel(b as string)).toBe(true)
    expect(await listed(path())).toEqual([c])
  })

  test('cancels a call that waits here, also for its retry, and it is not there after that', async () => {
    await using afterword = open()
    const began = Promise.withResolvers<void>()
    const failing = () => {
      began.resolve()
      throw new Error('no luck')
    }
    const Call = afterword.job('call', failing, { backoff: hour, retries: 3 })
    const call = Call.defer()
    await Promise.all([began.promise, call.accepted])
    await afterword.drain({ timeout: 0 })
    expect(await afterword.cancel(call.id)).toBe(true)
    expect(await call.outcome).toEqual({ status: 'cancelled', reason: 'cancel' })
    expect(await listed(path())).toEqual([])
  })

  test('cancels by the unique key, and frees it', async () => {
    await using afterword = open()
    const Remind = afterword.job('remind', (_user: string) => {}, { key: (user) => user })
    const later = Remind.with({ delay: hour })
    const [first, other] = [await later.dispatch('a'), await later.dispatch('b')]
    expect(await Remind.cancel({ key: 'a' })).toBe(true)
    expect(await Remind.cancel({ key: 'a' })).toBe(false)
    expect(await Remind.cancel({ key: 'c' })).toBe(false)
    const second = await later.dispatch('a')
    expect(second).not.toBe(first)
    expect(new Set(await listed(path()))).toEqual(new Set([other, second]))
  })

  test('leaves a call that runs, and ids that were never given', async () => {
    await using afterword = open()
    const [began, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const run = () => {
      began.resolve()
      return end.promise
    }
    const Call = afterword.job('call', run, { key: 'one' })
    const call = Call.defer()
    await began.promise
    expect(await afterword.cancel(call.id)).toBe(false)
    expect(await Call.cancel({ key: 'one' })).toBe(false)
    for (const id of ['2giq5any5mp', 'zzzzzzzzzz', '1']) expect(await afterword.cancel(id)).toBe(false)
    expect(readdirSync(folder).filter((name) => name.endsWith('.lock') && !/^(1|shared)\./.test(name))).toEqual([])
    end.resolve()
    expect(await call.outcome).toMatchObject({ status: 'done' })
  })
})

describe('instance().cancel(id), among processes,', () => {
  test('withdraws what another process has in memory, and leaves what it runs', async () => {
    await using a = await Sibling.start(folder, { limits: { hang: { concurrency: 1 } } })
    await using b = await Sibling.start(folder, { knows: [] })
    const running = a.defer('hang', ['runs'])
    await a.ran('runs')
    const waiting = a.defer('hang', ['waits'])
    expect(await b.withdraw(await waiting.id)).toBe(true)
    expect(await waiting.outcome).toMatchObject({ status: 'cancelled', reason: 'cancel' })
    expect(await b.withdraw(await running.id)).toBe(false)
    a.let('runs')
    expect(await running.outcome).toMatchObject({ status: 'done' })
    expect(a.runs).toEqual(['runs'])
  })

  test('withdraws what a killed process has left in its log, from which nobody has read yet', async () => {
    const a = await Sibling.start(folder, { limits: { hang: { concurrency: 1 } } })
    await using b = await Sibling.start(folder, { knows: ['other'] })
    a.defer('hang', ['runs'])
    await a.ran('runs')
    const id = await a.defer('hang', ['waits']).id
    await a.kill()
    expect(await b.withdraw(id)).toBe(true)
    await using c = await Sibling.start(folder)
    await c.ran('runs')
    c.let('runs')
    await c.close()
    expect(c.runs).toEqual(['runs'])
    expect(await listed()).toEqual([])
  })

  test('a cancelled call never begins once that is told, whatever is killed then', async () => {
    for (let round = 0; round < 5; round++) {
      const a = await Sibling.start(folder, { limits: { hang: { concurrency: 1 } } })
      const b = await Sibling.start(folder, { knows: [] })
      a.defer('hang', [`runs ${round}`])
      await a.ran(`runs ${round}`)
      const ids = await Promise.all([0, 1, 2].map((n) => a.defer('hang', [`waits ${round} ${n}`]).id))
      expect(await b.withdraw(ids[1] as string)).toBe(true)
      await Promise.all([a.kill(), b.kill()])
      await using c = await Sibling.start(folder)
      for (const what of [`runs ${round}`, `waits ${round} 0`, `waits ${round} 2`]) {
        await c.ran(what)
        c.let(what)
      }
      await c.close()
      expect(c.runs).not.toContain(`waits ${round} 1`)
    }
    expect(await listed()).toEqual([])
  })

  test('races with claims: a call runs, or was cancelled, and never both', async () => {
    await using a = await Sibling.start(folder, { knows: ['note'] })
    await using b = await Sibling.start(folder, { knows: ['note'] })
    await using outside = await Sibling.start(folder, { knows: [], options: { worker: false } })
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, n) => a.dispatch('note', [`call ${n}`], { delay: 150 + 5 * n })),
    )
    const done = await Promise.all(ids.map((id) => outside.withdraw(id)))
    await Promise.all(done.flatMap((done, n) => (done ? [] : [Promise.race([a.ran(`call ${n}`), b.ran(`call ${n}`)])])))
    await Promise.all([a.close(), b.close()])
    const runs = new Set([...a.runs, ...b.runs])
    for (const [n, isCancelled] of done.entries()) expect([n, runs.has(`call ${n}`)]).toEqual([n, !isCancelled])
    expect(await listed()).toEqual([])
  })
})

describe('FailedRecords.discard(ids)', () => {
  test('deletes a record that waits in the memory of a living process, and leaves one that runs', async () => {
    await using a = await Sibling.start(folder, { limits: { hang: { concurrency: 1 } } })
    const running = a.defer('hang', ['runs'])
    await a.ran('runs')
    const waiting = a.defer('hang', ['waits'])
    expect(await discard(await waiting.id)).toBe(true)
    expect(await waiting.outcome).toMatchObject({ status: 'cancelled', reason: 'cancel' })
    expect(await discard(await running.id)).toBe(false)
    a.let('runs')
    await running.outcome
  })

  test('deletes what nobody can run: of a key that is lost, in the log of a process that was killed', async () => {
    const program = `
      import { configure, job } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url))}
      configure({ journal: { path: ${JSON.stringify(folder)}, encrypt: { key: '7'.repeat(64) } } })
      console.log(await job('sealed', () => {}).with({ delay: 1000 }).dispatch())
      process.kill(process.pid, 'SIGKILL')`
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program]
    const run = promisify(execFile)(process.execPath, args, { env: { ...process.env, ...compiledOnce } })
    const id = await run.catch(({ stdout }: { stdout: string }) => stdout.trim())
    expect(await listed()).toEqual([id])
    expect(await discard(id as string)).toBe(true)
    expect(await listed()).toEqual([])
    expect(await discard(id as string)).toBe(false)
    expect(await discard('no id')).toBe(false)
  })
})
