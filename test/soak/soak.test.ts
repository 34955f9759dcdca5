import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { expect, test } from 'vitest'
import { type Message, Program } from '../support/program.ts'

/** The duration in s: two minutes in CI, `SOAK_SECONDS=3600 npx vitest run test/soak` for an hour. */
const seconds = Number(process.env.SOAK_SECONDS ?? (process.env.CI ? 120 : 15))
const connections = 8
/** The bytes by which the heap may vary: a leak of ten bytes for each request is more. */
const noise = 2e6

interface Measure extends Message {
  readonly left: number
  readonly resources: readonly string[]
  readonly listeners: number
  readonly heapUsed: number
  readonly requests: number
  readonly reports: number
}

test(
  `${seconds} s of all kinds of tasks leak neither memory nor timers nor listeners`,
  async () => {
    await using server = new Program(new URL('programs/server.ts', import.meta.url), { nodeArgs: ['--expose-gc'] })
    const { port } = await server.message<Message & { port: number }>('listening')
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    const ask = async () => {
      const request = get({ port, host: '127.0.0.1', agent })
      try {
        const [response] = await once(request, 'response')
        await once(response.resume(), 'end')
      } catch {
        // The server breaks some of them off.
      }
    }
    const load = async (until: number) => {
      while (performance.now() < until) await ask()
    }
    let number = 0
    const measure = async () => {
      server.send({ type: 'measure', number: ++number })
      return server.message<Measure>('measured', (message) => message.number === number)
    }
    const soak = async (share: number) => {
      const until = performance.now() + share * seconds * 1000
      await Promise.all(Array.from({ length: connections }, () => load(until)))
      return measure()
    }

    const before = await soak(0.25)
    const after = await soak(0.75)
    agent.destroy()
    expect(after.requests).toBeGreaterThan(before.requests)
    expect(after.reports).toBeGreaterThan(before.reports)
    expect([before.left, after.left]).toEqual([0, 0])
    expect(after.listeners).toBe(before.listeners)
    expect(after.resources.length).toBeLessThanOrEqual(before.resources.length)
    expect(after.heapUsed - before.heapUsed).toBeLessThan(noise)
  },
  (seconds + 60) * 1000,
)
