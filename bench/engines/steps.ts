import { setTimeout as pause } from 'node:timers/promises'
import { type Result, whole } from '../result.ts'
import { median } from '../statistics.ts'
import type { ProcessUsage, Question } from './case.ts'
import type { EngineName } from './contender.ts'
import type { Name } from './contenders.ts'
import { watchServer } from './server-usage.ts'
import type { Servers } from './servers.ts'

const rounds = 5
const concurrency = 64
/** Calls of each process at once. */
const flooded = 10_000
/** In memory, where as many calls at once would be refused: the next one is made when one has run. */
const closed: Question = { do: 'run', inFlight: 1000, concurrency, duration: 500 }

interface Step {
  readonly title: string
  readonly name: Name
  /** Processes on one folder, all of which dispatch and run. @default 1 */
  readonly processes?: number
  readonly engine?: EngineName
}

const steps: readonly Step[] = [
  { title: 'memory', name: 'memory' },
  { title: 'a journal, one process', name: 'folder' },
  { title: "a journal with `sync: 'full'`, one process", name: 'folder-synced' },
  { title: 'a journal, two processes on the folder', name: 'folder', processes: 2 },
  { title: 'a journal, four processes on the folder', name: 'folder', processes: 4 },
  { title: 'a journal before BullMQ', name: 'journal', engine: 'bullmq' },
  { title: 'a journal before pg-boss', name: 'journal', engine: 'pg-boss' },
]

interface Sample {
  readonly perSecond: number
  /** CPU time for each job, in µs: of the processes, and of the engine. */
  readonly own: number
  readonly engine: number
}

/** Measures what a job costs on each step, and so how many of them a core gives. */
export async function measureSteps(servers: Servers): Promise<Result> {
  const rows: string[][] = []
  for (const step of steps) {
    const samples = await measure(servers, step)
    const of = (key: keyof Sample) => median(samples.map((sample) => sample[key]))
    rows.push([
      step.title,
      whole(of('perSecond')),
      of('own').toFixed(1),
      step.engine === undefined ? '–' : of('engine').toFixed(1),
      whole(1e6 / (of('own') + of('engine'))),
    ])
  }
  return {
    title: 'Scaling: what a core gives',
    columns: [
      'jobs are kept by',
      'jobs/s here',
      'CPU µs for each: the processes',
      'the engine',
      'jobs/s for each core',
    ],
    rows,
    notes: [
      `A job that does nothing is dispatched, run and finished: ${whole(flooded)} calls of each process at once, which is caller and worker, from the first call to the last run. CPU: of all threads. Jobs/s for each core: of a core that does nothing else, by the CPU time of the processes and the engine together. Medians of ${rounds} rounds.`,
    ],
    targets: [],
  }
}

async function measure(servers: Servers, { name, processes = 1, engine = 'bullmq' }: Step): Promise<Sample[]> {
  await using programs = new AsyncDisposableStack()
  const place = servers.place(engine)
  const server = programs.use(await watchServer(engine, place.url))
  const isClosed = name === 'memory'
  const all = Array.from({ length: processes }, () => programs.use(servers.startOn(name, place)))
  for (const program of all) await program.ask({ do: 'work', concurrency, endless: false } satisfies Question)
  const usage = async () => {
    const each = await Promise.all(all.map((program) => program.ask<ProcessUsage>({ do: 'usage' })))
    const sum = (key: keyof ProcessUsage) => each.reduce((total, one) => total + one[key], 0)
    return { own: sum('cpu'), runs: sum('runs'), engine: (await server.usage()).cpu }
  }
  const samples: Sample[] = []
  // The first rounds warm up.
  for (let round = -2; round < rounds; round++) {
    const before = await usage()
    const began = performance.now()
    await Promise.all(
      all.map((program) => program.ask(isClosed ? closed : ({ do: 'flood', calls: flooded } satisfies Question))),
    )
    let after = await usage()
    while (!isClosed && after.runs - before.runs < processes * flooded) {
      await pause(5)
      after = await usage()
    }
    const seconds = (performance.now() - began) / 1000
    const runs = after.runs - before.runs
    const cost = (key: 'own' | 'engine') => (1000 * (after[key] - before[key])) / runs
    if (round >= 0) samples.push({ perSecond: runs / seconds, own: cost('own'), engine: cost('engine') })
  }
  return samples
}
