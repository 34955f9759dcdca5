import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { JobsPage } from '../../src/dashboard/views.ts'
import { Afterword } from '../../src/index.ts'
import { EventStream } from '../dashboard/event-stream.ts'

const bin = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

async function newJournal(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-dashboard-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await using afterword = new Afterword({ journal: folder, signals: false, worker: false })
  await afterword
    .job('send', () => {})
    .with({ delay: 3_600_000 })
    .dispatch()
  return folder
}

/** Starts the command. @returns the URL that it prints */
async function start(...args: string[]): Promise<string> {
  const env = { ...process.env, NODE_ENV: 'production' as const }
  const child = spawn(process.execPath, [bin, 'dashboard', ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for await (const line of createInterface(child.stdout)) return line
  throw new Error('The command has ended')
}

test.each([
  [[], 'read', 403],
  [['--write'], 'write', 202],
] as const)('afterword dashboard %s serves the store to this machine', async (options, role, status) => {
  const url = await start(await newJournal(), ...options)
  expect((await fetch(url)).headers.get('content-type')).toBe('text/html; charset=utf-8')
  await using events = await EventStream.open(`${url}events`)
  expect(await events.next('hello')).toMatchObject({ role, store: 'journal' })
  const { jobs } = (await (await fetch(`${url}jobs`)).json()) as JobsPage
  expect(jobs).toMatchObject([{ job: 'send', state: 'later' }])
  const headers = { 'content-type': 'application/json', origin: new URL(url).origin }
  const body = JSON.stringify({ action: 'discard', ids: [jobs[0]?.id], expected: 1 })
  expect((await fetch(`${url}actions`, { method: 'POST', headers, body })).status).toBe(status)
})
