import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Command } from '../support/command.ts'
import { ConsoleProgram } from '../support/console-program.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-states-'))))
afterEach(() => rmSync(folder, { recursive: true }))

async function afterword(...args: string[]): Promise<string> {
  await using command = new Command(args)
  expect(await command.exited).toBe(0)
  expect(command.stderr).toBe('')
  return command.stdout
}

/** The records that are listed as JSON, as arrays of some of their properties. */
async function listed(names: string[], ...args: string[]): Promise<unknown[][]> {
  const records = JSON.parse(await afterword('list', folder, '--json', ...args)) as Record<string, unknown>[]
  return records.map((record) => names.map((name) => record[name]))
}

describe.each([['the log'], ['the shared database'], ["an app's own database"]])('records in %s', (place) => {
  let path: string
  let living: Afterword
  let end: () => void
  let ids: string[]

  /** One call runs, and one waits for it; a third one is not due. */
  beforeEach(async () => {
    path = place.startsWith('an') ? join(folder, 'app.db') : folder
    living = new Afterword({ journal: place.startsWith('an') ? { database: new DatabaseSync(path) } : folder })
    const begun = Promise.withResolvers<void>()
    const work = Promise.withResolvers<void>()
    end = work.resolve
    const run = (_n: number) => {
      begun.resolve()
      return work.promise
    }
    const Hang = living.job('hang', run, { concurrency: 1 })
    const call = place === 'the shared database' ? (n: number) => Hang.with({ key: String(n) }).defer(n) : Hang.defer
    const calls = [call(1), call(2)]
    await begun.promise
    await Promise.all(calls.map((task) => task.accepted))
    ids = [...calls.map(({ id }) => id), await Hang.with({ delay: 3_600_000 }).dispatch(3)]
  })
  afterEach(async () => {
    end()
    await living.close()
  })

  test('afterword list, show and status tell those that run from those that wait', async () => {
    const records = JSON.parse(await afterword('list', path, '--json'))
    const told = Object.fromEntries(records.map(({ id, state, pid }: Record<string, unknown>) => [id, [state, pid]]))
    const [running, waiting, delayed] = ids as [string, string, string]
    expect(told).toEqual({
      [running]: ['running', process.pid],
      [waiting]: ['pending', process.pid],
      [delayed]: ['pending', undefined],
    })
    expect(await afterword('list', path)).toMatch(new RegExp(`^${running} +running +${process.pid} +hang `, 'm'))
    expect(await afterword('show', path, running)).toMatch(new RegExp(`^state +running\npid +${process.pid}\n`, 'm'))
    const counts = JSON.parse(await afterword('status', path, '--json')) as { running: number; pending: number }[]
    expect(counts.reduce((sum, { running }) => sum + running, 0)).toBe(1)
    expect(counts.reduce((sum, { pending }) => sum + pending, 0)).toBe(2)
    for (const [state, expected] of [
      ['running', [running]],
      ['pending', [waiting, delayed]],
    ] as const) {
      const some = JSON.parse(await afterword('list', path, '--json', '--state', state))
      expect(some.map(({ id }: { id: string }) => id).sort()).toEqual([...expected].sort())
    }
  })
})

test('afterword list says of records whose process does not answer that they are held', async () => {
  const program = fileURLToPath(new URL('programs/blocked.ts', import.meta.url))
  const flags = ['--disable-warning=ExperimentalWarning']
  await using blocked = new ConsoleProgram([process.execPath, ...flags, program], { env: { BLOCKED_FOLDER: folder } })
  await blocked.printed(/blocked/)
  expect(await listed(['job', 'state', 'pid'])).toEqual([['block', 'held', blocked.pid]])
})

test('afterword status and top count what a dead process has left in its log', async () => {
  const program = fileURLToPath(new URL('programs/left.ts', import.meta.url))
  const flags = ['--disable-warning=ExperimentalWarning']
  await using left = new ConsoleProgram([process.execPath, ...flags, program], { env: { LEFT_FOLDER: folder } })
  await left.exited
  const rows = (await afterword('status', folder)).split('\n\n')[1]?.split('\n')
  expect(rows?.map((row) => row.split(/ +/).slice(0, 5))).toMatchObject([
    ['job', 'due', 'later', 'queued', 'failed'],
    ['fail', '0', '0', '0', '1'],
    ['hang', '1', '0', '0', '0'],
    [''],
  ])
  const { totals } = JSON.parse(await afterword('top', folder, '--json', '--limit', '1'))
  expect(totals).toMatchObject({ due: 1, failed: 1 })
})

test('afterword status names the process that takes over the slot of a dead one', async () => {
  const program = fileURLToPath(new URL('programs/left.ts', import.meta.url))
  const flags = ['--disable-warning=ExperimentalWarning']
  await using left = new ConsoleProgram([process.execPath, ...flags, program], { env: { LEFT_FOLDER: folder } })
  await left.exited
  await using afterwords = new Afterword({ journal: folder, signals: false })
  const begun = Promise.withResolvers<void>()
  const work = Promise.withResolvers<void>()
  afterwords.job('hang', () => {
    begun.resolve()
    return work.promise
  })
  await begun.promise
  const databases = JSON.parse(await afterword('status', folder, '--json')) as { name: string; pid?: number }[]
  work.resolve()
  const slots = databases.filter(({ name }) => name !== 'shared')
  expect(slots.map(({ pid }) => pid)).toEqual(slots.map(() => process.pid))
})

test('afterword list takes a job, a state and a limit', async () => {
  using _reports = new Reports()
  {
    await using before = new Afterword({ journal: folder })
    const Fail = before.job('fail', (_n: number) => Promise.reject(new Error('no luck')), { retries: 0 })
    await Promise.all([1, 2].map((n) => Fail.defer(n).outcome))
    const Comma = before.job('a,b', (_n: number) => {}, { delay: 3_600_000 })
    const Other = before.job('other', (_n: number) => {}, { delay: 3_600_000 })
    await Promise.all([Comma.dispatch(3), Other.dispatch(4)])
  }
  const args = (...options: string[]) => listed(['args'], ...options)
  expect(await args()).toEqual([[[1]], [[2]], [[3]], [[4]]])
  expect(await args('--job', 'a,b')).toEqual([[[3]]])
  expect(await args('--job', 'none')).toEqual([])
  expect(await args('--state', 'failed')).toEqual([[[1]], [[2]]])
  expect(await args('--state', 'pending', '--limit', '1')).toEqual([[[3]]])
  expect(await args('--limit', '3')).toEqual([[[1]], [[2]], [[3]]])
  expect((await afterword('list', folder, '--job', 'other', '--limit', '5')).split('\n')).toHaveLength(3)
})

test('afterword list cuts long arguments, and prints no control characters of them', async () => {
  {
    await using before = new Afterword({ journal: folder, worker: false })
    const Long = before.job('long', (_text: string, _n: number) => {})
    await Long.dispatch(`a\x1b[2J\n${'b'.repeat(1000)}`, 7)
  }
  const [, line] = (await afterword('list', folder)).split('\n')
  expect(line).toMatch(/ 'a\\x1B\[2J\\nb+.*…$/)
  expect(line?.length).toBeLessThan(200)
})
