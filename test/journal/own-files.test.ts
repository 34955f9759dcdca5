import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { ProcessLock } from '../../src/journal/files/process-lock.ts'
import { Program } from '../support/program.ts'
import { Sibling } from './sibling.ts'

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'afterword-own-'))
  folder = join(root, 'data', 'journal')
})
afterEach(() => rmSync(root, { recursive: true }))

const modeOf = (path: string) => statSync(path).mode & 0o777

test('the journal makes its folder and all files in it for its own user only', async () => {
  const afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', () => {})
  await Send.with({ delay: 3_600_000 }).dispatch()
  await Send.defer().accepted
  await expect
    .poll(() => readdirSync(folder), { timeout: 10_000 })
    .toEqual(expect.arrayContaining(['shared.db-wal', '1.db-wal', '1.log']))
  expect(modeOf(folder)).toBe(0o700)
  expect(modeOf(join(root, 'data'))).toBe(modeOf(root) === 0o700 ? 0o777 & ~process.umask() : modeOf(root))
  const modes = readdirSync(folder).map((name) => `${name} ${modeOf(join(folder, name)).toString(8)}`)
  expect(modes.filter((line) => !line.endsWith(' 600'))).toEqual([])
  await afterword.close()
})

describe('a relative path', () => {
  const start = () => new Program(new URL('programs/changed-directory.ts', import.meta.url), { args: [root] })

  test('names the same folder after process.chdir()', async () => {
    await using program = start()
    await program.message('changed')
    program.send({ type: 'defer' })
    await program.message('ran')
    await using sibling = await Sibling.start(join(root, 'app', 'journal'), { options: { worker: false } })
    await sibling.defer('hang', ['left']).id
    await sibling.kill()
    expect((await program.message('adopted')).what).toBe('left')
    program.send({ type: 'restart' })
    await program.message('restarted')
    program.send({ type: 'dispatch' })
    await program.message('dispatched')
    expect(readdirSync(join(root, 'other'))).toEqual([])
    expect(program.messages.filter(({ type }) => type === 'report').map(({ code }) => code)).toEqual([
      'AFTERWORD_JOURNAL_FAILED',
    ])
  })
})

describe('a lock file that can not be opened', () => {
  test('costs a start its slot only', async () => {
    mkdirSync(join(folder, '1.lock'), { recursive: true })
    mkdirSync(join(folder, '3.lock'))
    await using one = new Afterword({ journal: folder })
    await using two = new Afterword({ journal: folder })
    for (const afterword of [one, two]) {
      const Send = afterword.job('send', () => 'sent')
      expect(await Send.defer().outcome).toMatchObject({ value: 'sent' })
    }
    expect(readdirSync(folder).filter((name) => name.endsWith('.db'))).toEqual(expect.arrayContaining(['2.db', '4.db']))
  })

  test('is named as the cause where there is no other', () => {
    mkdirSync(folder, { recursive: true })
    for (let slot = 1; slot < 512; slot++) mkdirSync(join(folder, `${slot}.lock`))
    expect(() => new Afterword({ journal: folder })).toThrow(
      expect.objectContaining({ code: 'AFTERWORD_JOURNAL_FOLDER', cause: expect.not.stringContaining('511') }),
    )
  })

  test('ends no process that adopts the slot of a dead sibling', async () => {
    await using program = new Program(new URL('programs/no-file-left.ts', import.meta.url), {
      args: [folder],
      under: ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'],
    })
    expect(await program.message('adopted')).toMatchObject({ full: false, after: true })
  })
})

test('configure({ journal }) refuses the journal where no file can be opened, not even its own code, and takes it later', async () => {
  await using program = new Program(new URL('programs/no-file-at-start.ts', import.meta.url), {
    args: [folder],
    under: ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'],
  })
  expect(await program.message('configured')).toMatchObject({ code: 'AFTERWORD_JOURNAL_FOLDER' })
})

test('ProcessLock.tryTake() leaves what is no file alone', () => {
  mkdirSync(join(folder, '7.lock'), { recursive: true })
  expect(ProcessLock.tryTake(folder, 7)).toBeUndefined()
  expect(() => ProcessLock.take(folder, 7)).toThrow()
})
