import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { createClient } from '../support/client.ts'
import { Marks } from '../support/mark.ts'
import { Program } from '../support/program.ts'
import { hosts } from '../support/protocols.ts'
import { Reports } from '../support/reports.ts'

const server = new URL('programs/server.ts', import.meta.url)
const script = new URL('programs/script.ts', import.meta.url)

async function listening(program: Program): Promise<string> {
  const { port } = await program.message('listening')
  return `http://127.0.0.1:${port}`
}

describe.each([22, 24] as const)('SIGTERM, on Node %i', (node) => {
  it('lets 100 tasks in flight finish, then exits with 0', async () => {
    await using program = new Program(server, { node, env: { TASKS: '100', TASK_MS: '300' } })
    const url = await listening(program)
    expect(await (await fetch(url)).text()).toBe('answered')
    await program.message('running', ({ count }) => count === 100)
    program.kill('SIGTERM')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.messages.filter(({ type }) => type === 'done')).toHaveLength(100)
    expect(program.messages.at(-2)).toEqual({ type: 'shutdown', order: 1, done: 100 })
    expect(program.messages.at(-1)).toEqual({ type: 'shutdown', order: 2, done: 100 })
    expect(program.stderr).toBe('')
  })

  it('exits when all instances have ended', async () => {
    await using program = new Program(server, { node, env: { TASKS: '2', TASK_MS: '300', OTHER: 'yes' } })
    await fetch(await listening(program))
    await program.message('running', ({ count }) => count === 2)
    program.kill('SIGTERM')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.messages.filter(({ type }) => type === 'done')).toHaveLength(2)
    expect(program.stderr).toBe('')
  })

  it('exits with 1 at the deadline and names every unfinished task on stderr', async () => {
    await using program = new Program(server, {
      node,
      env: { TASKS: '100', TASK_MS: '60000', SHUTDOWN_TIMEOUT: '200' },
    })
    const url = await listening(program)
    await fetch(url)
    await program.message('running', ({ count }) => count === 100)
    program.kill('SIGTERM')
    expect(await program.exited).toEqual({ code: 1, signal: null })
    expect(program.stderr).toContain('AFTERWORD_UNFINISHED')
    for (let i = 0; i < 100; i++) expect(program.stderr).toContain(`"task-${i}" (`)
  })

  it('ends the process at once on a second signal, after a while in which tools may pass the first one on', async () => {
    await using program = new Program(server, { node, env: { TASKS: '2', TASK_MS: '60000' } })
    const url = await listening(program)
    await fetch(url)
    await program.message('running', ({ count }) => count === 2)
    program.kill('SIGTERM')
    // It takes no further connection once the first one is being handled.
    await refused(Number(new URL(url).port))
    const again = setInterval(() => program.kill('SIGTERM'), 100)
    expect(await program.exited).toEqual({ code: 143, signal: null })
    clearInterval(again)
    expect(program.stderr).toContain('"task-1" (')
  })

  it('finishes the requests in flight first, and their tasks', async () => {
    await using program = new Program(server, { node, env: { TASKS: '3', TASK_MS: '10' } })
    const url = await listening(program)
    const slow = fetch(`${url}/slow`)
    await program.message('request')
    program.kill('SIGTERM')
    await refused(Number(new URL(url).port))
    program.send({ type: 'answer' })
    expect(await (await slow).text()).toBe('answered')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.messages.filter(({ type }) => type === 'done')).toHaveLength(3)
  })

  it('breaks an open stream off in time to run its tasks', async () => {
    // The tasks have a quarter of it: far more than they need on a busy machine.
    await using program = new Program(server, { node, env: { TASKS: '3', TASK_MS: '10', SHUTDOWN_TIMEOUT: '4000' } })
    const url = await listening(program)
    const stream = await fetch(`${url}/stream`)
    program.kill('SIGTERM')
    await expect(stream.text()).rejects.toThrow()
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.messages.filter(({ type }) => type === 'done')).toHaveLength(3)
  })

  it('is left to the app with signals: false', async () => {
    await using program = new Program(server, { node, env: { TASKS: '1', TASK_MS: '60000', SIGNALS: 'false' } })
    await fetch(await listening(program))
    await program.message('running')
    program.kill('SIGTERM')
    expect(await program.exited).toEqual({ code: null, signal: 'SIGTERM' })
  })
})

describe.each(hosts)('SIGTERM with an open $protocol connection, on Node $node', ({ protocol, node }) => {
  it('finishes the request in flight, closes the connection, and exits with 0', async () => {
    await using program = new Program(server, { node, env: { TASKS: '3', TASK_MS: '10', PROTOCOL: protocol } })
    const { port } = await program.message('listening')
    using marks = new Marks()
    const client = createClient(protocol, Number(port), marks)
    const { answer } = client.visit('/slow')
    await program.message('request')
    program.kill('SIGTERM')
    await refused(Number(port))
    program.send({ type: 'answer' })
    expect((await answer).body.toString()).toBe('answered')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.messages.filter(({ type }) => type === 'done')).toHaveLength(3)
    client.close()
  })
})

describe('a script without a server', () => {
  it('stays until its deferred work is done', async () => {
    await using program = new Program(script, { args: ['finish'] })
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.stdout).toBe('deferred\nran\nretried\n')
    expect(program.stderr).toBe('')
  })

  it.each(['exit', 'crash'])('names the tasks that it leaves undone on %s', async (end) => {
    await using program = new Program(script, { args: [end] })
    expect((await program.exited).code).toBe(end === 'exit' ? 0 : 1)
    expect(program.stderr).toContain('AFTERWORD_UNFINISHED: The process ends with unfinished tasks: "write" (')
  })
})

describe('close() and drain()', () => {
  it('close() drains, then calls the onShutdown functions in order, also when one throws', async () => {
    using reports = new Reports()
    const log: string[] = []
    const afterword = new Afterword()
    afterword.onShutdown(async () => {
      await null
      log.push('first')
      throw new Error('boom')
    })
    afterword.onShutdown(() => void log.push('second'))
    afterword.defer(async () => {
      await new Promise(setImmediate)
      afterword.defer(() => void log.push('nested during the drain'))
    })
    await afterword.close()
    expect(log).toEqual(['nested during the drain', 'first', 'second'])
    expect(reports.codes).toEqual(['AFTERWORD_CALLBACK_FAILED'])
  })

  it('drain() includes tasks that are deferred meanwhile', async () => {
    await using afterword = new Afterword()
    const first = Promise.withResolvers<void>()
    afterword.defer(() => first.promise)
    const drained = afterword.drain()
    afterword.defer(() => {})
    first.resolve()
    expect(await drained).toEqual({ done: 2, failed: 0, left: [] })
  })

  it('drain() twice at once ends each within its own time', async () => {
    await using afterword = new Afterword()
    const work = Promise.withResolvers<void>()
    const { id } = afterword.defer(function slow() {
      return work.promise
    })
    const long = afterword.drain()
    expect((await afterword.drain({ timeout: 0 })).left).toEqual([{ id, name: 'slow', kept: false }])
    work.resolve()
    expect(await long).toEqual({ done: 1, failed: 0, left: [] })
  })
})

/** Resolves when nobody listens on the port any more. */
async function refused(port: number): Promise<void> {
  for (let open = true; open; ) {
    const socket = connect(port, '127.0.0.1')
    open = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    })
    socket.destroy()
  }
}
