import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Program } from '../support/program.ts'
import { App } from './app.ts'
import { Gate } from './gate.ts'

const script = new URL('programs/script.ts', import.meta.url)

describe.each([22, 24, 26] as const)('a signal, on Node %i', (node) => {
  test.each(['express', 'auto'])('SIGTERM before the first request, %s: onShutdown, exit 0', async (entry) => {
    await using app = await App.start({ node, env: { ENTRY: entry } })
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toEqual(['onShutdown'])
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const)('%s waits for a task', async (signal) => {
    await using app = await App.start({ node, request: true })
    app.kill(signal)
    await app.stoppedListening()
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toEqual(['held mail', 'held mail ended', 'onShutdown'])
    expect(app.stderr).toBe('')
  })

  test('several signals at once are one', async () => {
    await using app = await App.start({ node, request: true })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) app.kill(signal)
    await app.stoppedListening()
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toContain('held mail ended')
  })
})

describe('a process without a server', () => {
  test('SIGTERM with a task waits for it', async () => {
    await using gate = await Gate.open()
    await using program = new Program(script, { args: ['tasks'], env: { GATE: gate.url } })
    await gate.visited('held mail')
    await gate.visited('up')
    program.kill('SIGTERM')
    program.kill('SIGTERM')
    gate.release()
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(gate.visits).toContain('held mail ended')
  })

  test('SIGTERM with a journal closes it, exit 0', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-'))
    await using gate = await Gate.open()
    await using program = new Program(script, { args: ['journal'], env: { GATE: gate.url, FOLDER: folder } })
    await gate.visited('up')
    program.kill('SIGTERM')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    rmSync(folder, { recursive: true })
  })

  test('SIGTERM calls onShutdown functions', async () => {
    await using gate = await Gate.open()
    await using program = new Program(script, { args: ['function'], env: { GATE: gate.url } })
    await gate.visited('up')
    program.kill('SIGTERM')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(gate.visits).toEqual(['up', 'onShutdown'])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s where nothing can be lost ends the process as it does without',
    async (signal) => {
      await using gate = await Gate.open()
      await using program = new Program(script, { args: ['nothing'], env: { GATE: gate.url } })
      await gate.visited('up')
      program.kill(signal)
      expect(await program.exited).toEqual({ code: null, signal })
    },
  )
})

describe('an app that listens to signals itself', () => {
  test('its clean-up ends, and its process.exit decides the exit code', async () => {
    await using app = await App.start({ env: { OWN: 'cleans' } })
    app.kill('SIGTERM')
    await app.visited('held clean-up')
    await app.visited('onShutdown')
    app.gate.release()
    expect(await app.exited).toBe(7)
    expect(app.gate.visits).toEqual(expect.arrayContaining(['held clean-up ended', 'onShutdown']))
  })

  test('a listener that only logs: the process ends when nothing keeps it open', async () => {
    await using app = await App.start({ request: true, env: { OWN: 'says' } })
    app.kill('SIGTERM')
    await app.printed(/signal SIGTERM/)
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toEqual(['held mail', 'held mail ended', 'onShutdown'])
  })

  test('a listener that never ends the process: Afterword does, at shutdownTimeout', async () => {
    await using app = await App.start({ env: { OWN: 'says and keeps something open', SHUTDOWN_TIMEOUT: '300' } })
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toEqual(['onShutdown'])
  })

  test('a listener that raises the signal again when it is done cuts no task off', async () => {
    await using app = await App.start({ request: true, env: { OWN: 'raises' } })
    app.kill('SIGTERM')
    await app.visited('clean-up ended')
    await app.stoppedListening()
    app.gate.release()
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toContain('held mail ended')
  })

  test.each(['SIGHUP', 'SIGQUIT'] as const)('%s is the matter of an app that listens to it', async (signal) => {
    await using app = await App.start({ request: true, env: { OWN: 'says', OWN_SIGNALS: signal } })
    app.kill(signal)
    await app.printed(new RegExp(`signal ${signal}`))
    expect(await (await fetch(app.url)).text()).toBe('ok')
    app.gate.release()
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
    expect(app.gate.visits.filter((visit) => visit === 'held mail ended')).toHaveLength(2)
  })
})

describe('tasks that are cut off are named, with the advice that fits', () => {
  test('process.exit of the app: its place', async () => {
    await using app = await App.start({ request: true, env: { OWN: 'exits' } })
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
    expect(app.stderr).toMatch(/^AFTERWORD_UNFINISHED: .*"mail" \(/)
    expect(app.stderr).toMatch(
      /The app called process\.exit at .*app\.ts:\d+:\d+\)?: await instance\(\)\.close\(\) before that/,
    )
  })

  test('an error: a job with a journal', async () => {
    await using app = await App.start({ request: true, env: { CRASH: 'yes' } })
    app.kill('SIGUSR2')
    expect(await app.exited).toBe(1)
    expect(app.stderr).toMatch(/AFTERWORD_UNFINISHED: .*"mail" \(.*An error ended the process/)
  })

  test('the deadline: shutdownTimeout', async () => {
    await using app = await App.start({ request: true, env: { SHUTDOWN_TIMEOUT: '100' } })
    app.kill('SIGTERM')
    expect(await app.exited).toBe(1)
    expect(app.stderr).toMatch(/AFTERWORD_UNFINISHED: .*"mail" \(.*Raise shutdownTimeout/)
  })

  test('a second signal, once it can be none that a tool has passed on', async () => {
    await using app = await App.start({ request: true })
    app.kill('SIGTERM')
    await app.stoppedListening()
    const again = setInterval(() => app.kill('SIGTERM'), 100)
    expect(await app.exited).toBe(143)
    clearInterval(again)
    expect(app.stderr).toMatch(/AFTERWORD_UNFINISHED: .*"mail" \(.*A further signal ended the process at once/)
  })
})

describe('on a terminal', () => {
  test('Ctrl-C says what it waits for, and a second one ends the process at once', async () => {
    await using app = await App.start({ request: true, terminal: true })
    app.type('\x03')
    await app.printed(/Afterword waits for 1 task: mail\. Ctrl-C again ends the process at once\./)
    app.type('\x03')
    expect(await app.exited).toBe(130)
    expect(app.stdout).toContain('AFTERWORD_UNFINISHED')
  })

  test('Ctrl-C says that it waits for the app where that listens itself', async () => {
    await using app = await App.start({ terminal: true, env: { OWN: 'cleans' } })
    app.type('\x03')
    await app.printed(/Afterword waits for the app, which listens to SIGINT\./)
    app.gate.release()
    expect(await app.exited).toBe(7)
  })
})
