import { setTimeout as pause } from 'node:timers/promises'
import type { Program } from '../program.ts'
import { type Result, whole } from '../result.ts'
import type { ProcessUsage } from './case.ts'
import type { EngineName, Place } from './contender.ts'
import { extrapolate } from './extrapolation.ts'
import { share } from './rounds.ts'
import { watchServer } from './server-usage.ts'
import { engines, Servers, titles } from './servers.ts'
import { measureSteps } from './steps.ts'

/** The numbers of web processes, each with a journal of its own, as machines have; and those of workers beside one web process. */
const webs = [1, 2, 4, 8] as const
const workers = [2, 4, 8] as const
/** Calls a second of each web process. */
const rates = [0, 25, 100] as const
const duration = 4000
/** The time in ms for which processes are left alone that have just begun. */
const settling = 1500
const concurrency = 64
/** Calls of each web process at once. */
const flooded = 4000

/** The needs of so many processes. Numbers by the second are those of all processes together. */
export interface Sample {
  readonly webs: number
  readonly workers: number
  /** Calls a second that each web process was to make. */
  readonly asked: number
  /** Calls a second of all web processes. */
  readonly rate: number
  /** CPU time of the engine, in ms a second. */
  readonly cpu: number
  readonly connections: number
  /** Bytes of the engine's log, a second. */
  readonly logged: number
  /** From the call to the run, in ms. */
  readonly start: number
  /** CPU time of the web processes, in ms a second, and bytes of their journals, a second. */
  readonly webCpu: number
  readonly journal: number
}

/** As many calls as the processes get through. */
interface Flood {
  readonly webs: number
  /** Calls a second from the first call to the last run. */
  readonly perSecond: number
  /** CPU time of the engine for each call, in ms. */
  readonly cpu: number
  readonly connections: number
}

export interface EngineScaling {
  readonly engine: EngineName
  readonly samples: readonly Sample[]
  readonly floods: readonly Flood[]
}

/** Measures what grows how with the number of processes. */
export async function measureScaling(): Promise<readonly Result[]> {
  const all: EngineScaling[] = []
  const steps = await measureAlone(measureSteps)
  for (const engine of engines) {
    // Servers of their own: nothing else is on them.
    await using servers = await Servers.open()
    all.push(await measure(servers, engine))
  }
  return [steps, ...all.map(toResult), ...all.map(extrapolate)]
}

/** On servers of its own. */
async function measureAlone(measure: (servers: Servers) => Promise<Result>): Promise<Result> {
  await using servers = await Servers.open()
  return await measure(servers)
}

async function measure(servers: Servers, engine: EngineName): Promise<EngineScaling> {
  const samples: Sample[] = []
  const floods: Flood[] = []
  for (const count of webs) {
    const place = servers.place(engine)
    await using fleet = await Fleet.start(servers, place, { webs: count, workers: 1 })
    for (const rate of rates) samples.push(await fleet.sample(rate))
    floods.push(await fleet.flood())
  }
  for (const count of workers) {
    await using fleet = await Fleet.start(servers, servers.place(engine), { webs: 1, workers: count })
    samples.push(await fleet.sample(0))
  }
  return { engine, samples, floods }
}

/** Web processes, and workers that run their jobs. */
class Fleet implements AsyncDisposable {
  readonly #webs: readonly Program[]
  readonly #workers: readonly Program[]
  readonly #server: Awaited<ReturnType<typeof watchServer>>
  readonly #all: AsyncDisposableStack

  private constructor(
    webs: readonly Program[],
    workers: readonly Program[],
    server: Awaited<ReturnType<typeof watchServer>>,
    all: AsyncDisposableStack,
  ) {
    this.#webs = webs
    this.#workers = workers
    this.#server = server
    this.#all = all
  }

  static async start(servers: Servers, place: Place, { webs, workers }: { webs: number; workers: number }) {
    await using starting = new AsyncDisposableStack()
    const server = starting.use(await watchServer(place.engine, place.url))
    const start = async (name: 'engine' | 'journal', count: number) => {
      const programs: Program[] = []
      for (let i = 0; i < count; i++) {
        const program = starting.use(servers.start(name, place))
        // One after the other: eight that start at once have the two cores for seconds.
        await program.ask({ do: 'usage' })
        programs.push(program)
      }
      return programs
    }
    const working = await start('engine', workers)
    for (const program of working) await program.ask({ do: 'work', concurrency, endless: false })
    const serving = await start('journal', webs)
    const fleet = new Fleet(serving, working, server, starting.move())
    // The compiler is done with the first calls, and pg-boss with what it does at first.
    await fleet.sample(100, 1000)
    await pause(settling)
    return fleet
  }

  async sample(rate: number, ms = duration): Promise<Sample> {
    await this.#starts()
    const before = await this.#usage()
    const began = performance.now()
    if (rate === 0) await pause(ms)
    else await Promise.all(this.#webs.map((web) => web.ask({ do: 'add', rate, duration: ms })))
    const after = await this.#usage()
    const seconds = (performance.now() - began) / 1000
    await pause(200)
    const each = (name: keyof typeof before) => (after[name] - before[name]) / seconds
    return {
      webs: this.#webs.length,
      workers: this.#workers.length,
      asked: rate,
      rate: each('runs'),
      cpu: each('cpu'),
      connections: after.connections,
      logged: each('logged'),
      start: share(await this.#starts(), 0.5),
      webCpu: each('webCpu'),
      journal: each('journal'),
    }
  }

  async flood(): Promise<Flood> {
    const before = await this.#usage()
    const calls = this.#webs.length * flooded
    const began = performance.now()
    await Promise.all(this.#webs.map((web) => web.ask({ do: 'flood', calls: flooded })))
    await (this.#workers[0] as Program).ask({ do: 'begun', runs: before.runs + calls })
    const elapsed = performance.now() - began
    const after = await this.#usage()
    return {
      webs: this.#webs.length,
      perSecond: (1000 * calls) / elapsed,
      cpu: (after.cpu - before.cpu) / calls,
      connections: after.connections,
    }
  }

  async #starts(): Promise<number[]> {
    const all = await Promise.all(this.#workers.map((worker) => worker.ask<number[]>({ do: 'starts' })))
    return all.flat().sort((a, b) => a - b)
  }

  async #usage() {
    const ask = (programs: readonly Program[]) =>
      Promise.all(programs.map((program) => program.ask<ProcessUsage>({ do: 'usage' })))
    const [ofWebs, ofWorkers] = [await ask(this.#webs), await ask(this.#workers)]
    const sum = (usages: readonly ProcessUsage[], name: keyof ProcessUsage) =>
      usages.reduce((all, usage) => all + usage[name], 0)
    return {
      ...(await this.#server.usage()),
      webCpu: sum(ofWebs, 'cpu'),
      journal: sum(ofWebs, 'written'),
      runs: sum(ofWorkers, 'runs'),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all.disposeAsync()
  }
}

function toResult({ engine, samples, floods }: EngineScaling): Result {
  const busiest = rates.at(-1) as number
  const at = (count: number, asked: number) =>
    samples.find((sample) => sample.webs === count && sample.workers === 1 && sample.asked === asked)
  const flood = (count: number) => floods.find((each) => each.webs === count) as Flood
  const log = engine === 'bullmq' ? 'log of Redis' : 'WAL of Postgres'
  const cell = (value: number | undefined, digits: number) =>
    value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits)
  const quiet = (count: number) => at(count, 0)
  return {
    title: `Scaling: ${titles[engine]}`,
    columns: ['web processes, each with a journal', ...webs.map((count) => `${count}`)],
    rows: [
      ['connections, at work', ...webs.map((count) => cell(flood(count).connections, 0))],
      ['idle: CPU of the engine, ms/s', ...webs.map((count) => cell(quiet(count)?.cpu, 1))],
      [`${busiest} calls/s each: CPU of the engine, ms/s`, ...webs.map((count) => cell(at(count, busiest)?.cpu, 0))],
      ['the same: from the call to the run, p50 ms', ...webs.map((count) => cell(at(count, busiest)?.start, 1))],
      [
        `the same: bytes of the ${log} for each call`,
        ...webs.map((count) => {
          const sample = at(count, busiest)
          return sample === undefined ? '–' : whole(sample.logged / sample.rate)
        }),
      ],
      [
        'the same: bytes of the journal for each call',
        ...webs.map((count) => {
          const sample = at(count, busiest)
          return sample === undefined ? '–' : whole(sample.journal / sample.rate)
        }),
      ],
      [
        'the same: CPU of the web process for each call, µs',
        ...webs.map((count) => {
          const sample = at(count, busiest)
          return sample === undefined ? '–' : whole((1000 * sample.webCpu) / sample.rate)
        }),
      ],
      [
        'at full speed: calls/s from the first call to the last run',
        ...webs.map((count) => whole(flood(count).perSecond)),
      ],
      ['at full speed: CPU of the engine for each call, µs', ...webs.map((count) => whole(1000 * flood(count).cpu))],
    ],
    notes: [
      `One worker process runs the jobs, which do nothing. ${duration / 1000} s each; at full speed ${whole(flooded)} calls of each web process at once. All processes and the engine share the machine's cores: with more of them each is slower, so calls/s say what the cores give together, and CPU time for each call is the number that holds elsewhere.`,
    ],
    targets: [],
  }
}
