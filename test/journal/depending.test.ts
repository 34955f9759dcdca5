import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Message, Program } from '../support/program.ts'
import { compiledOnce } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-depending-'))))
afterEach(() => rmSync(folder, { recursive: true }))

interface About extends Message {
  readonly name: string
  readonly path: string
}

function start(place: string, way: 'first' | 'next'): Program {
  return new Program(new URL('programs/depending.ts', import.meta.url), {
    args: [folder, place, way],
    env: compiledOnce,
  })
}

/** A first process answers on a path, or does not, and is killed when it has told that. */
async function leave(place: string, path: string, until: string): Promise<void> {
  await using first = start(place, 'first')
  const { port } = await first.message<Message & { port: number }>('ready')
  const answer = fetch(`http://127.0.0.1:${port}${path}`).then(
    (response) => response.text(),
    () => 'none',
  )
  if (path !== '/open') await answer
  await first.message(until)
  if (path !== '/open') await first.message('sent')
  first.kill()
  await first.exited
  await answer
}

/** Tells of the jobs that the next process finds whether they ran, or were cancelled. */
async function found(program: Program, names: string[]): Promise<Record<string, unknown>> {
  const told = names.map(async (name) => {
    const { status, reason } = await program.message<About & { status: string; reason?: string }>(
      'ended',
      (message) => message.name === name,
    )
    return [name, reason ?? status]
  })
  return Object.fromEntries(await Promise.all(told))
}

describe.each(['folder', 'keyed', 'database'])('when, of a job that is kept (%s),', (place) => {
  const names = ['always', 'success', 'asks']

  test("counts a response as not delivered whose process died before it was sent: 'success' does not run", async () => {
    await leave(place, '/open', 'accepted')
    await using next = start(place, 'next')
    expect(await found(next, names)).toEqual({ always: 'done', success: 'when', asks: 'done' })
    const { response } = await next.message('asked')
    expect(response).toEqual({ method: 'GET', path: '/open', status: 0, delivered: false, aborted: false })
  })

  test('knows in another process that the response was delivered, with which status', async () => {
    await leave(place, '/good', 'accepted')
    await using next = start(place, 'next')
    expect(await found(next, names)).toEqual({ always: 'done', success: 'done', asks: 'done' })
    const response = { method: 'GET', path: '/good', status: 200, delivered: true, aborted: false }
    expect((await next.message('asked')).response).toEqual(response)
    const { request } = await next.message<About>('ran', ({ name }) => name === 'success')
    expect(request).toEqual(response)
  })

  test('knows in another process that the response was an error', async () => {
    await leave(place, '/bad', 'accepted')
    await using next = start(place, 'next')
    expect(await found(next, names)).toEqual({ always: 'done', success: 'when', asks: 'when' })
  })

  test("runs 'success' again that a crash has ended, and one that waited for its retry", async () => {
    await leave(place, '/hanging', 'ran')
    await using next = start(place, 'next')
    expect(await found(next, ['hanging'])).toEqual({ hanging: 'done' })
  })
})

test('the error of the last attempt is stored with a record that is tried again, and shown', async () => {
  for (const place of ['folder', 'keyed']) {
    await leave(place, '/failing', 'retrying')
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
    const cli = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', main, ...args],
        { env: { ...process.env, ...compiledOnce, NODE_OPTIONS: '' } },
      )
      return stdout
    }
    const listed: { id: string; job: string; error?: string; attempt: number }[] = JSON.parse(
      await cli('list', folder, '--json'),
    )
    const record = listed.find(({ job }) => job === 'failing')
    expect(record).toMatchObject({ attempt: 1, error: expect.stringContaining('no luck with /failing') })
    const shown = await cli('show', folder, String(record?.id))
    expect(shown).toContain('Error: no luck with /failing\n    at ')
    expect(shown).not.toContain('options')
    rmSync(folder, { recursive: true })
  }
  await leave('folder', '/failing', 'retrying')
})
