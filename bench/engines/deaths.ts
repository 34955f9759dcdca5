import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Result } from '../result.ts'
import { median } from '../statistics.ts'
import type { Entry } from './rounds.ts'
import { engines, type Servers, titles } from './servers.ts'

const rounds = 3
const runs = 100
/** The time in ms for which the default of an engine is waited for. */
const patience = 115_000
/** Seconds. */
const most = { bullmq: 15, 'pg-boss': 3 } as const

/** Measures the time from the `kill -9` of a worker until another one runs its jobs. All cases wait at the same time. */
export async function measureDeaths(servers: Servers): Promise<Result> {
  const entries = engines.flatMap((engine): Entry[] => [
    { engine, name: 'default' },
    { engine, name: 'engine' },
  ])
  const all = await Promise.all(
    entries.map(async (entry) => {
      const times: number[] = []
      for (let round = 0; round < (entry.name === 'default' ? 1 : rounds); round++)
        times.push(await kill(servers, entry))
      return { entry, seconds: median(times) }
    }),
  )
  const text = (seconds: number) => (Number.isFinite(seconds) ? seconds.toFixed(1) : `more than ${patience / 1000}`)
  return {
    title: 'Engines: a worker is killed',
    columns: [`from \`kill -9\` until its ${runs} jobs run again`, 'seconds'],
    rows: all.map(({ entry, seconds }) => [
      `${titles[entry.engine]}${entry.name === 'default' ? ', as delivered' : ': Afterword'}`,
      text(seconds),
    ]),
    notes: [
      `Another worker waits meanwhile. Medians of ${rounds} rounds; of the engines as they are delivered one, which is given up after ${patience / 1000} s.`,
    ],
    targets: all
      .filter(({ entry }) => entry.name !== 'default')
      .map(({ entry, seconds }) => ({
        what: `${titles[entry.engine]}: the jobs of a killed worker run again within ${most[entry.engine]} s`,
        measured: `${text(seconds)} s`,
        reached: seconds <= most[entry.engine],
      })),
  }
}

/** @returns seconds */
async function kill(servers: Servers, { engine, name }: Entry): Promise<number> {
  const place = servers.place(engine)
  await using other = servers.start(name, place)
  let killed: number
  {
    // Killed with this block.
    await using worker = servers.start(name, place)
    {
      await using caller = servers.start(name, place)
      await caller.ask({ do: 'add', rate: 1000, duration: runs })
    }
    // All calls are there: a worker of pg-boss that has got a batch takes no other one before the last job of that has ended.
    await worker.ask({ do: 'work', concurrency: runs, endless: true })
    await worker.ask({ do: 'begun', runs })
    await other.ask({ do: 'work', concurrency: runs, endless: true })
    killed = now()
  }
  // Stopped with its process where it takes too long.
  using stopping = new DisposableStack()
  const late = new AbortController()
  stopping.defer(() => late.abort())
  const again = other.ask<number>({ do: 'begun', runs })
  const patient = pause(patience, Number.POSITIVE_INFINITY, { signal: late.signal })
  patient.catch(() => {})
  return (((await Promise.race([again, patient])) as number) - killed) / 1000
}

/** The clock of the machine, in ms. */
const now = () => Number(process.hrtime.bigint()) / 1e6
