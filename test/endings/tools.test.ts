import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { Build } from '../support/build.ts'
import { App } from './app.ts'
import { Gate } from './gate.ts'

const flag = '--disable-warning=ExperimentalWarning'
const binary = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url))

/** The tools that start an app. Of one Ctrl-C, most make two signals, which may become one again on their way. */
const tools = [
  { tool: 'tsx', command: (node: string, file: string) => [node, binary('tsx'), file] },
  { tool: 'tsx watch', command: (node: string, file: string) => [node, binary('tsx'), 'watch', file] },
  {
    tool: 'nodemon',
    command: (node: string, file: string) => [node, binary('nodemon'), '--exec', `${node} ${flag}`, file],
  },
  {
    tool: 'concurrently',
    command: (node: string, file: string) => [node, binary('concurrently'), '--raw', `${node} ${flag} ${file}`],
  },
  { tool: 'node --watch', command: (node: string, file: string) => [node, flag, '--watch', file] },
]

describe.each(tools)('one Ctrl-C under $tool', ({ command }) => {
  test('waits for a task, however often it arrives', async () => {
    await using app = await App.start({ request: true, terminal: true, command, env: { OWN: 'says' } })
    app.type('\x03')
    await app.printed(/signal SIG/)
    app.gate.release()
    await app.exited
    expect(app.gate.visits).toEqual(['held mail', 'held mail ended', 'onShutdown'])
    expect(app.stdout).toMatch(/exit 0/)
    expect(app.stdout).not.toContain('AFTERWORD_UNFINISHED')
  })

  test('waits for a task where the app does not listen itself', async () => {
    await using app = await App.start({ request: true, terminal: true, command })
    app.type('\x03')
    await app.stoppedListening()
    app.gate.release()
    await app.exited
    expect(app.gate.visits).toEqual(['held mail', 'held mail ended', 'onShutdown'])
    expect(app.stdout).toMatch(/exit 0/)
  })
})

// Apollo Server does not listen to signals in tests.
describe.each(['apollo', 'terminus'])('%s, which raises the signal again', (library) => {
  const file = fileURLToPath(new URL('programs/tools.ts', import.meta.url))

  test.each(['SIGTERM', 'SIGINT'] as const)('%s waits for a task', async (signal) => {
    await using app = await App.start({
      command: (node) => [node, flag, file, library],
      env: { NODE_ENV: 'production' },
    })
    const query = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ hello }"}' }
    await (await fetch(app.url, query)).text()
    await app.visited('held mail')
    app.kill(signal)
    await app.visited('stopped')
    await app.stoppedListening()
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toEqual(expect.arrayContaining(['held mail ended', 'onShutdown']))
    expect(app.stderr).toBe('')
  })
})

describe.each(['fork', 'cluster'])('PM2, in its mode %s', (mode) => {
  const run = promisify(execFile)
  let home: string
  let build: Build
  const pm2 = (args: readonly string[], env: Record<string, string> = {}) =>
    run(process.execPath, [binary('pm2'), ...args], {
      env: { ...process.env, NODE_OPTIONS: '', PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: 'true', ...env },
    })
  beforeAll(async () => {
    // PM2 has other plans with TypeScript.
    build = await Build.of('test/endings/programs')
    home = mkdtempSync(join(tmpdir(), 'afterword-pm2-'))
    return async () => {
      await pm2(['kill'])
      rmSync(home, { recursive: true, force: true })
      build[Symbol.dispose]()
    }
  })

  test('pm2 stop waits for the tasks of all processes', async () => {
    await using gate = await Gate.open()
    const file = fileURLToPath(build.compiled('test/endings/programs/worker.ts'))
    const instances = mode === 'cluster' ? ['-i', '2'] : []
    const args = ['start', file, '--kill-timeout', '100000', ...instances]
    await pm2(args, { GATE: gate.url })
    const processes = mode === 'cluster' ? 2 : 1
    await gate.visited('held mail', processes)
    const stopped = pm2(['stop', 'all'])
    // PM2 may stop one after the other.
    await gate.visited('stopping')
    gate.release()
    await stopped
    for (const visit of ['held mail ended', 'onShutdown']) {
      expect(gate.visits.filter((name) => name === visit)).toHaveLength(processes)
    }
  })
})
