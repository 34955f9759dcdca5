import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runtimes } from '../../tools/runtimes.ts'

const program = fileURLToPath(new URL('programs/fetch-answers.ts', import.meta.url))
const told = ['content-type', 'content-length', 'transfer-encoding', 'x-own']

interface Answer {
  readonly status: number | undefined
  readonly headers: Record<string, unknown>
  readonly body: string
}

/** Each form has a boundary of its own. */
const withoutBoundary = (text: string) =>
  text.replaceAll(/-*(WebKitFormBoundary\w+|\d{9,}\w*|formdata-\w+-\d+)/g, 'boundary')

async function ask(port: string, path: string): Promise<Answer> {
  const [response] = (await once(get({ host: '127.0.0.1', port, path, agent: false }), 'response')) as [IncomingMessage]
  const body = await buffer(response)
  const headers = Object.fromEntries(told.map((name) => [name, withoutBoundary(String(response.headers[name]))]))
  return { status: response.statusCode, headers, body: withoutBoundary(body.toString('latin1')) }
}

/** Asks a server of its own for all answers. */
async function answersOf(runtime: 'Bun' | 'Deno', args: string[]): Promise<Record<string, Answer>> {
  const { executable, args: flags } = runtimes[runtime]
  const child = spawn(executable, [...flags, program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const [, port = '', ...paths] = line.split(' ')
    const answers: Record<string, Answer> = {}
    for (const path of paths) answers[path] = await ask(port, path)
    return answers
  } finally {
    child.kill('SIGKILL')
  }
}

test.each(
  (['Bun', 'Deno'] as const).flatMap((runtime) => (['fetch', 'hono', 'h3'] as const).map((way) => ({ runtime, way }))),
)('$way on $runtime: a defer() changes neither types nor lengths of what is answered', async ({ runtime, way }) => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-answers-'))
  try {
    const html = join(folder, 'page.html')
    writeFileSync(html, '<h1>Hello</h1>'.repeat(10_000))
    const plain = await answersOf(runtime, [way, 'plain', html])
    expect(Object.keys(plain).length).toBeGreaterThan(10)
    const deferring = await answersOf(runtime, [way, 'defers', html])
    for (const [path, { headers, body }] of Object.entries(plain)) {
      // What is larger than a piece leaves as a stream; what the host takes for a stream may have a length.
      const isAny = body.length > 65_536 || headers['transfer-encoding'] === 'chunked'
      const framing = isAny && { 'content-length': expect.any(String), 'transfer-encoding': expect.any(String) }
      expect({ path, ...deferring[path] }).toEqual({ path, ...plain[path], headers: { ...headers, ...framing } })
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
