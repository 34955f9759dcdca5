import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, type AfterwordOptions } from '../../src/index.ts'
import { Command } from '../support/command.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-pauses-'))))
afterEach(() => rmSync(folder, { recursive: true }))

async function afterword(...args: string[]) {
  await using command = new Command(args)
  const code = await command.exited
  return { code, stdout: command.stdout, stderr: command.stderr }
}
const json = async (...args: string[]) => JSON.parse((await afterword(...args, '--json')).stdout)
const said = (stdout: string, stderr = '', code = 0) => ({ code, stdout, stderr })

describe.each([['a folder'], ["an app's own database"]])('in %s,', (place) => {
  const isFolder = place === 'a folder'
  const path = () => (isFolder ? folder : join(folder, 'app.db'))
  const open = (options: AfterwordOptions = {}) =>
    new Afterword({ journal: isFolder ? folder : { database: new DatabaseSync(path()) }, ...options })

  test('afterword pause holds the calls of a job, which list, show and status tell, until afterword resume', async () => {
    await using living = open()
    const ran = Promise.withResolvers<void>()
    const Mail = living.job('mail', () => ran.resolve())
    living.job('other', () => {})
    expect(await afterword('pause', path(), 'mail')).toEqual(said('"mail" is paused.\n'))
    while (living.status().paused.length === 0) await new Promise(setImmediate)
    expect(living.status().paused).toEqual(['mail'])
    const task = Mail.defer()
    await task.accepted
    expect(await json('list', path())).toMatchObject([{ job: 'mail', state: 'paused' }])
    expect(await json('list', path(), '--state', 'pending')).toEqual([])
    expect(await json('list', path(), '--state', 'paused')).toMatchObject([{ id: task.id }])
    expect((await afterword('show', path(), task.id)).stdout).toMatch(/^state +paused$/m)
    expect((await afterword('list', path())).stdout).toMatch(new RegExp(`^${task.id} +paused .* mail `, 'm'))
    expect((await afterword('status', path())).stdout).toMatch(/^"mail" is paused$/m)
    const databases: { paused: string[]; pending: number }[] = await json('status', path())
    expect(databases.flatMap(({ paused }) => paused)).toEqual(['mail'])
    expect(databases.reduce((sum, { pending }) => sum + pending, 0)).toBe(1)
    expect(await afterword('resume', path(), 'mail')).toEqual(said('"mail" is paused no more.\n'))
    await ran.promise
    expect(living.status().paused).toEqual([])
    expect((await afterword('status', path())).stdout).not.toContain('paused')
  })

  test('afterword pause and resume tell of each job whether it was changed', async () => {
    await using living = open()
    living.job('a', () => {})
    living.batch('b,c', () => {})
    await living.cancel('none')
    expect(await json('pause', path(), 'a', 'b,c')).toEqual([
      { job: 'a', done: true },
      { job: 'b,c', done: true },
    ])
    expect((await afterword('pause', path(), 'a')).stdout).toBe('"a" is paused.\n')
    const unknown = 'No living process knows a job "nothing" whose calls are kept.\n'
    expect(await afterword('resume', path(), 'a', 'nothing')).toEqual(
      said('"a" is paused no more.\n"nothing" is not paused.\n', unknown, 1),
    )
  })

  test('afterword pause holds the calls of processes that start later', async () => {
    await open().close()
    expect(await afterword('pause', path(), 'mail')).toEqual(said('"mail" is paused.\n'))
    await using later = open()
    const Mail = later.job('mail', () => {})
    while (later.status().paused.length === 0) await new Promise(setImmediate)
    await Mail.dispatch()
    expect(await json('list', path())).toMatchObject([{ job: 'mail', state: 'paused' }])
    await afterword('discard', path(), (await json('list', path()))[0].id)
    expect(await json('list', path())).toEqual([])
  })
})

test('afterword pause says where there is no journal', async () => {
  const { code, stderr } = await afterword('pause', join(folder, 'none'), 'mail')
  expect([code, stderr]).toEqual([1, `"${join(folder, 'none')}" does not exist.\n`])
})

test('afterword list takes a journal that an earlier release has made, and pause says what to do', async () => {
  {
    await using before = new Afterword({ journal: folder, worker: false })
    await before.job('mail', () => {}).dispatch()
  }
  {
    using database = new DatabaseSync(join(folder, 'shared.db'))
    database.exec('DROP TABLE afterword_paused; UPDATE afterword SET version = 3')
  }
  expect(await json('list', folder)).toMatchObject([{ job: 'mail', state: 'pending' }])
  const sentence = 'An earlier release has made this journal. Start a process of this one first.\n'
  expect(await afterword('pause', folder, 'mail')).toEqual(said('', sentence, 1))
})
