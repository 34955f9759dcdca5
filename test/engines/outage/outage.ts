import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Daemon } from '../../support/daemon.ts'
import { postgresUrl, startPostgres } from '../../support/postgres.ts'
import { type Message, Program } from '../../support/program.ts'
import { redisUrl, startRedis } from '../../support/redis.ts'
import type { OutageSettings } from '../programs/outage.ts'

/** A measure of the process that dispatches. */
interface Measure extends Message {
  readonly heap: number
  readonly rss: number
}

export interface OutageOptions extends Pick<OutageSettings, 'engine' | 'calls'> {
  /** The least time in s for which the engine is away. */
  readonly seconds: number
  /** Told of each step. */
  readonly tell?: (line: string) => void
}

/** The outcome of an outage. */
export interface OutageOutcome {
  readonly lost: number
  readonly twice: number
  /** The bytes of the heap of the process that dispatches, after each quarter of the calls, and at the end. */
  readonly heaps: readonly number[]
  /** The bytes of all its memory, at the same moments. */
  readonly memories: readonly number[]
}

/** An engine that is killed stays away until all calls are accepted on the disk, and then they all go on to it. */
export async function outage({ engine, calls, seconds, tell = () => {} }: OutageOptions): Promise<OutageOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-outage-'))
  await using server = await startServer(engine)
  const url = engine === 'pg-boss' ? postgresUrl(server) : redisUrl(server)
  const start = async (more: { folder?: string }) => {
    const args = [JSON.stringify({ engine, url, calls, seconds, ...more } satisfies OutageSettings)]
    const program = new Program(new URL('../programs/outage.ts', import.meta.url), { args, nodeArgs: ['--expose-gc'] })
    await program.message('ready')
    return program
  }
  try {
    await using worker = await start({})
    await using web = await start({ folder })
    await server.kill()
    const since = performance.now()
    const elapsed = () => `${((performance.now() - since) / 1000).toFixed(1)} s`
    tell(`${engine} is away`)
    web.send({ type: 'dispatch' })
    await web.message('all accepted')
    const measures = web.messages.filter(({ type }) => type === 'accepted') as Measure[]
    for (const { accepted, heap, rss } of measures) tell(`  ${accepted} accepted: ${memoryText({ heap, rss })}`)
    tell(`${calls} calls are accepted after ${elapsed()}`)
    // The engine is away for as long as it is to be, however fast calls are accepted.
    await setTimeout(Math.max(0, 1000 * seconds - (performance.now() - since)))
    await server.restart()
    tell(`${engine} is back after ${elapsed()}`)
    const back = performance.now()
    await worker.message('all ran')
    const rate = Math.round(calls / ((performance.now() - back) / 1000))
    tell(`all calls have run after ${elapsed()}: ${rate} forwarded and run in each second`)
    web.send({ type: 'status' })
    const after = await web.message<Measure>('status')
    tell(`  afterwards: ${memoryText(after)}`)
    // A call that the engine has twice runs before the process ends, which waits for none.
    for (const program of [web, worker]) {
      if (program === worker) program.send({ type: 'counts' })
      else program.send({ type: 'close' })
    }
    await web.exited
    const { ran, twice } = await worker.message<Message & { ran: number; twice: number }>('counts')
    const all = [...measures, after]
    return {
      lost: calls - ran,
      twice,
      heaps: all.map(({ heap }) => heap),
      memories: all.map(({ rss }) => rss),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function startServer(engine: OutageOptions['engine']): Promise<Daemon> {
  return engine === 'pg-boss' ? startPostgres() : startRedis({ appendfsync: 'everysec' })
}

function memoryText({ heap, rss }: Pick<Measure, 'heap' | 'rss'>): string {
  return `heap ${(heap / 2 ** 20).toFixed(1)} MiB, process ${(rss / 2 ** 20).toFixed(0)} MiB`
}
