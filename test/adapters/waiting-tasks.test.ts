import { once } from 'node:events'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { attach } from '../../src/adapters/node-http.ts'
import { Afterword, type AfterwordOptions } from '../../src/index.ts'
import { type Message, Program } from '../support/program.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

const tasksPerRequest = 3

interface Drained extends Message {
  readonly begun: number
  readonly passed: number
  readonly held: number
}

/** A server whose requests defer more than it can do, and its clients. */
class BusyServer implements AsyncDisposable {
  readonly #program: Program
  #drains = 0

  constructor(options: AfterwordOptions) {
    this.#program = new Program(new URL('programs/waiting-tasks.ts', import.meta.url), {
      args: [JSON.stringify(options)],
    })
  }

  /** Each connection asks again as soon as it has its answer. */
  async ask(requests: number, connections: number): Promise<void> {
    const { port } = await this.#program.message<Message & { port: number }>('listening')
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    let left = requests
    const converse = async () => {
      while (left-- > 0) {
        const [response] = await once(get({ agent, port, host: '127.0.0.1' }), 'response')
        await response.toArray()
      }
    }
    await Promise.all(Array.from({ length: connections }, converse))
    agent.destroy()
  }

  async drained(): Promise<Drained> {
    const number = ++this.#drains
    this.#program.send({ type: 'drain', number })
    return this.#program.message<Drained>('drained', (message) => message.number === number)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]()
  }
}

test('maxWait bounds how many tasks begin while one waits, by responses that are held', async () => {
  await using server = new BusyServer({ maxWait: 100 })
  const requests = 600
  await server.ask(requests, 32)
  const { begun, passed, held } = await server.drained()
  expect(begun).toBe(requests * tasksPerRequest)
  // Nearly all of them without the bound: requests come first.
  expect(passed).toBeLessThan(begun / 3)
  expect(held).toBeGreaterThan(0)
})

test('maxWait holds no response of a server that keeps up', async () => {
  await using server = new BusyServer({})
  for (let request = 1; request <= 50; request++) {
    await server.ask(1, 1)
    expect(await server.drained()).toMatchObject({ begun: request * tasksPerRequest, held: 0 })
  }
})

test('maxWait does not count a wait for a place of concurrency, a limit of a job or a retry', async () => {
  await using afterword = new Afterword({ maxWait: 1, concurrency: 1 })
  using reports = new Reports()
  const turns = new Turns()
  const limited = afterword.job('limited', () => {}, { rate: { runs: 1, per: 600_000 } })
  const rejecting = afterword.defer.with({ retries: 1, backoff: 600_000 })
  await limited.defer().outcome
  const waiting = [limited.defer(), rejecting(() => Promise.reject(new Error('Not yet')))]
  afterword.defer(() => turns.take('running'))
  await turns.taken('running')
  waiting.push(afterword.defer(() => {}))
  while (afterword.status().oldestAge < 20) await new Promise(setImmediate)
  const server = createServer((_req, res) => {
    waiting.push(afterword.defer(() => {}))
    res.end('not held')
  })
  attach(server, afterword)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(await response.text()).toBe('not held')
  for (const task of waiting) task.cancel()
  turns.end('running')
  server.close()
  expect(reports.codes).toEqual([])
})
