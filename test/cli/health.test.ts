import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { HealthServer, healthAddress } from '../../src/cli/health-server.ts'
import { Afterword } from '../../src/index.ts'
import { Command } from '../support/command.ts'
import type { Daemon } from '../support/daemon.ts'
import { postgresUrl, startPostgres } from '../support/postgres.ts'

let folder: string
let postgres: Daemon
beforeAll(async () => void (postgres = await startPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-health-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function work(program: string, env: Record<string, string>, address = '127.0.0.1:0'): Command {
  const module = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url))
  return new Command(['work', module, '--health', address], { env: { JOBS_FOLDER: folder, ...env } })
}

/** The address of the probes, once they can be asked. */
async function probes(command: Command): Promise<string> {
  await command.printed(/probes at \S+\/livez/)
  return /probes at (\S+)\/livez/.exec(command.stdout)?.[1] as string
}

async function probe(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('afterword work --health tells that the process lives and is ready, until it ends', async () => {
  const afterword = new Afterword({ journal: folder, worker: false, signals: false })
  await afterword.job('stay', () => {}).dispatch()
  await afterword.close()
  // The adapter of all servers takes part: the probes are no requests of the app.
  await using command = work('jobs', {
    NODE_OPTIONS: `--import ${new URL('../../src/adapters/auto.ts', import.meta.url)}`,
    JOBS_STAY: '1',
  })
  const url = await probes(command)
  await command.printed(/staying/)
  expect(await probe(`${url}/livez`)).toMatchObject({ status: 200, body: { live: true } })
  expect(await probe(`${url}/readyz?verbose`)).toMatchObject({
    status: 200,
    body: { ready: true, ending: false, journalOpen: true, engineReached: true, running: 1 },
  })
  expect(await probe(`${url}/other`)).toMatchObject({ status: 404 })
  expect((await fetch(`${url}/readyz`, { method: 'POST' })).status).toBe(405)
  command.kill('SIGTERM')
  await expect
    .poll(() => probe(`${url}/readyz`), { timeout: 60_000 })
    .toMatchObject({ status: 503, body: { ready: false, ending: true } })
  expect(await probe(`${url}/livez`)).toMatchObject({ status: 200 })
  command.kill('SIGUSR2')
  expect(await command.exited).toBe(0)
})

test('a worker on an engine is ready once the engine has answered, and not while it is away', async () => {
  await postgres.kill()
  await using command = work('engine-jobs', { JOBS_URL: postgresUrl(postgres) })
  const url = await probes(command)
  const ready = (status: number, engineReached: boolean) =>
    expect.poll(() => probe(`${url}/readyz`), { timeout: 120_000 }).toMatchObject({ status, body: { engineReached } })
  await ready(503, false)
  expect(await probe(`${url}/livez`)).toMatchObject({ status: 200 })
  await postgres.restart()
  await ready(200, true)
  await postgres.kill()
  await ready(503, false)
  await postgres.restart()
  await ready(200, true)
})

test('afterword work --health ends with 1 where the address is taken, and refuses what is no address', async () => {
  await using taken = await listening()
  await using command = work('jobs', {}, `127.0.0.1:${taken.port}`)
  expect(await command.exited).toBe(1)
  expect(command.stderr).toContain('EADDRINUSE')
  expect(['9090', ':9090', '0.0.0.0:80', '[::1]:9090'].map(healthAddress)).toEqual([
    { host: '127.0.0.1', port: 9090 },
    { host: '127.0.0.1', port: 9090 },
    { host: '0.0.0.0', port: 80 },
    { host: '::1', port: 9090 },
  ])
  for (const wrong of ['', 'localhost', 'a:b', '1:70000', 'http://localhost:1', '::1:9090']) {
    expect(healthAddress(wrong)).toBeUndefined()
  }
})

async function listening(): Promise<{ port: number } & AsyncDisposable> {
  const server: Server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

test('a health server closes the connection of a client that does not send its request', async () => {
  await using afterword = new Afterword({ signals: false })
  const { port } = new URL(await new HealthServer(afterword, 50).listen({ host: '127.0.0.1', port: 0 }))
  const slow = connect(Number(port), '127.0.0.1')
  slow.write('GET /livez HTTP/1.1\r\n')
  await once(slow.resume(), 'close')
  const answer = await fetch(`http://127.0.0.1:${port}/livez`)
  expect(answer.status).toBe(200)
})

test('a connection to a health server holds no process', async () => {
  const [server, index] = ['cli/health-server.ts', 'index.ts'].map(
    (name) => new URL(`../../src/${name}`, import.meta.url),
  )
  const code = `
    import { HealthServer } from '${server}'
    import { Afterword } from '${index}'
    const url = await new HealthServer(new Afterword({ signals: false }), 600_000).listen({ host: '127.0.0.1', port: 0 })
    console.log(new URL(url).port)
    process.stdin.once('data', () => process.stdin.destroy())`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  const [port] = await once(child.stdout, 'data')
  const idle = connect(Number(String(port)), '127.0.0.1')
  await once(idle, 'connect')
  child.stdin.end('end')
  expect(await once(child, 'exit')).toEqual([0, null])
  idle.destroy()
})
