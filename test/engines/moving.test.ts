import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { postgresUrl, startPostgres } from '../support/postgres.ts'
import { type Message, Program } from '../support/program.ts'
import { redisUrl, startRedis } from '../support/redis.ts'
import type { WebSettings } from './programs/web.ts'

let postgres: Daemon
let redis: Daemon
beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([startPostgres(), startRedis({ appendfsync: 'everysec' })])
})
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
})

/** A release of the app on a folder. */
class Release implements AsyncDisposable {
  readonly #program: Program
  #port = 0

  private constructor(settings: WebSettings) {
    const args = [JSON.stringify(settings)]
    this.#program = new Program(new URL('programs/web.ts', import.meta.url), { args })
  }

  static async start(settings: WebSettings): Promise<Release> {
    const release = new Release(settings)
    release.#port = (await release.#program.message<Message & { port: number }>('listening')).port
    return release
  }

  /** Sends requests, until the server takes none any more or so many were answered. @returns the calls that were answered */
  async load(name: string, most = Infinity): Promise<string[]> {
    const answered: string[] = []
    for (let n = 0; n < most; n++) {
      const call = `${name}-${n}`
      const answer = await fetch(`http://127.0.0.1:${this.#port}/${call}`).catch(() => undefined)
      // A server that ends answers no further request.
      if (answer?.status !== 200 || (await answer.text().catch(() => undefined)) === undefined) break
      answered.push(call)
    }
    return answered
  }

  /** Ends the process as a deploy does, or as a crash does. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#program.kill(signal)
    await this.#program.exited
  }

  get ran(): string[] {
    return this.#program.messages.filter(({ type }) => type === 'ran').map(({ call }) => String(call))
  }

  /** Resolves when the call has run here. */
  runs(call: string): Promise<Message> {
    return this.#program.message('ran', (message) => message.call === call)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]()
  }
}

/** The calls of which a run can have been begun twice: those of a process that was killed before it had stored their end. */
const twice = (runs: readonly string[]) => runs.length - new Set(runs).size

test.each([
  ['pg-boss', 'SIGTERM'],
  ['pg-boss', 'SIGKILL'],
  ['bullmq', 'SIGTERM'],
  ['bullmq', 'SIGKILL'],
] as const)(
  'a running system moves from a journal to %s and back, each process ended by %s: no call is lost',
  async (name, signal) => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-moving-'))
    const engine = { name, url: name === 'pg-boss' ? postgresUrl(postgres) : redisUrl(redis) }
    const answered: string[] = []
    const runs: string[] = []
    // One after the other on the folder, as a deploy has them; the load ends when the process takes no request any more.
    for (const [step, settings] of [{ folder }, { folder, engine }, { folder }, { folder, engine }].entries()) {
      await using release = await Release.start(settings)
      const load = Promise.all(['a', 'b', 'c', 'd'].map((client) => release.load(`${step}${client}`)))
      await release.runs(`note ${step}a-40`)
      await release.stop(signal)
      answered.push(...(await load).flat())
      runs.push(...release.ran)
    }
    const expected = answered.flatMap((call) => [`note ${call}`, `here ${call}`])
    // What the engine has is run by a process on the engine, also when the app has moved back.
    await using last = await Release.start({ folder, engine })
    for (const call of expected) if (!runs.includes(call)) await last.runs(call)
    runs.push(...last.ran)
    expect(expected.filter((call) => !runs.includes(call))).toEqual([])
    if (signal === 'SIGTERM') expect(twice(runs)).toBe(0)
    // No more than what ran when four processes were killed, 8 calls each and those of the response in progress, and whose end was on its way.
    else expect(twice(runs)).toBeLessThan(expected.length / 4)
    await last.stop('SIGTERM')
    rmSync(folder, { recursive: true })
  },
  300_000,
)
