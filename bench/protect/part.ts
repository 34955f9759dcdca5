import { Program } from '../program.ts'
import { type Result, type Target, whole } from '../result.ts'
import { median } from '../statistics.ts'
import type { Latencies, Plan, Work } from './load.ts'
import { plot } from './plot.ts'
import type { Progress } from './server.ts'

const rate = 1000
const duration = 4000
const rounds = 3
/** The work of a burst before the measurement, in ms: so much that every way is through with it when the measurement begins. */
const mostWarm = 120

/** Bursts of tasks that together take a share of one core. */
const bursts = (share: number, ms: number, each = 5): Work => ({
  bursts: each,
  tasks: Math.round((share * 1000) / ms / each),
  ms,
})

const ways = {
  none: 'no deferred work',
  afterword: 'Afterword',
  thread: 'Afterword, in threads',
  immediate: 'fire and forget (`setImmediate` each)',
  finish: "`res.on('finish')` each",
  fastq: 'fastq, concurrency 10',
  'p-queue': 'p-queue, concurrency 10',
} as const
type Way = keyof typeof ways

interface Scenario {
  readonly title: string
  readonly share: number
  readonly ms: number
  readonly ways: readonly Way[]
}

const all: readonly Way[] = ['afterword', 'immediate', 'finish', 'fastq', 'p-queue']
const scenarios: readonly Scenario[] = [
  { title: '30 % of a core, tasks of 0.2 ms', share: 0.3, ms: 0.2, ways: all },
  { title: '60 % of a core, tasks of 0.2 ms', share: 0.6, ms: 0.2, ways: all },
  { title: '90 % of a core, tasks of 0.2 ms', share: 0.9, ms: 0.2, ways: all },
  { title: '130 % of a core, tasks of 0.2 ms', share: 1.3, ms: 0.2, ways: ['afterword', 'immediate'] },
  { title: '130 % of a core, tasks of 5 ms', share: 1.3, ms: 5, ways: ['thread', 'immediate'] },
]

interface Sample {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly done: number
  readonly oldest: number
}

/** The median of each figure over the rounds. */
type Row = { readonly scenario: Scenario | undefined; readonly way: Way } & Sample

export async function measureProtect(): Promise<Result> {
  await using client = new Program(new URL('load.ts', import.meta.url), [], { core: 1 })
  const cases: { scenario: Scenario | undefined; way: Way; samples: Sample[] }[] = [
    { scenario: undefined, way: 'none', samples: [] },
    ...scenarios.flatMap((scenario) => scenario.ways.map((way) => ({ scenario, way, samples: [] }))),
  ]
  for (let round = 0; round < rounds; round++) {
    for (const { scenario, way, samples } of cases) {
      samples.push(
        await measure(client, way, scenario === undefined ? bursts(0, 1) : bursts(scenario.share, scenario.ms)),
      )
    }
  }
  return toResult(cases.map(({ scenario, way, samples }) => ({ scenario, way, ...middle(samples) })))
}

async function measure(client: Program, way: Way, work: Work): Promise<Sample> {
  await using server = new Program(new URL('server.ts', import.meta.url), [way], { core: 0 })
  const { port } = await server.ask<Progress>({})
  const plan: Plan = { port, work, rate, duration }
  // Until the compiler is done with both paths: its threads share the core.
  await client.ask<Latencies>({ ...plan, work: bursts(0, 1), duration: 500 })
  await client.ask<Latencies>({
    ...plan,
    work: { ...work, tasks: Math.min(work.tasks, mostWarm / work.ms) },
    duration: 2500,
  })
  await server.ask<Progress>({})
  const { times } = await client.ask<Latencies>(plan)
  const { done, oldest } = await server.ask<Progress>({})
  const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999), done, oldest }
}

function middle(samples: readonly Sample[]): Sample {
  const of = (key: keyof Sample) => median(samples.map((sample) => sample[key]))
  return { p50: of('p50'), p95: of('p95'), p99: of('p99'), p999: of('p999'), done: of('done'), oldest: of('oldest') }
}

function toResult(rows: readonly Row[]): Result {
  const [none] = rows as [Row]
  const find = (title: string, way: Way) => rows.find((row) => row.scenario?.title === title && row.way === way) as Row
  const table = rows.map(({ scenario, way, p50, p95, p99, p999, done, oldest }) => [
    scenario === undefined ? ways[way] : `${scenario.title}: ${ways[way]}`,
    p50.toFixed(2),
    p95.toFixed(2),
    p99.toFixed(2),
    p999.toFixed(2),
    (p99 / none.p99).toFixed(2),
    way === 'none' ? '–' : whole(done),
    oldest === 0 ? '–' : whole(oldest),
  ])
  return {
    title: 'Protection of requests',
    columns: [
      'deferred work',
      'p50 ms',
      'p95 ms',
      'p99 ms',
      'p99.9 ms',
      'p99, ratio to none',
      'tasks done',
      'oldest ms',
    ],
    rows: table,
    notes: [
      `Open loop, ${whole(rate)} requests/s for ${duration / 1000} s, latency from the moment in which a request was to be sent; five of them in each second defer a burst. Server on core 0, load on core 1. Medians of ${rounds} runs, each with a server of its own. Oldest: for how long a task has waited at most.`,
    ],
    targets: targets(none, find),
    plot: plot(
      'Latency of requests against deferred work, ms',
      [...new Set(rows.filter(({ scenario }) => scenario === undefined || scenario.ms < 1).map(({ way }) => way))]
        .filter((way) => way !== 'none')
        .map((way) => ({
          title: ways[way].replaceAll('`', '').replace(/ \(.*\)/, ''),
          points: [none, ...rows.filter((row) => row.way === way && row.scenario?.ms === 0.2)].map((row) => ({
            x: 100 * (row.scenario?.share ?? 0),
            ys: [row.p50, row.p99, row.p999],
          })),
        })),
    ),
  }
}

function targets(none: Row, find: (title: string, way: Way) => Row): Target[] {
  const found: Target[] = []
  for (const [share, most, part] of [
    [60, 1.75, 50],
    [90, 2.25, 500],
  ] as const) {
    const title = `${share} % of a core, tasks of 0.2 ms`
    const own = find(title, 'afterword')
    const ratio = own.p99 / none.p99
    found.push({
      what: `${share} % of a core deferred: the p99 of requests is at most ${most}× that without`,
      measured: `${ratio.toFixed(2)}×`,
      reached: ratio <= most,
    })
    for (const way of ['immediate', 'fastq', 'p-queue'] as const) {
      const times = find(title, way).p99 / own.p99
      found.push({
        what: `${share} % of a core deferred: at most 1/${part} of the p99 with ${ways[way]}`,
        measured: `1/${times.toFixed(0)}`,
        reached: times >= part,
      })
    }
  }
  const threads = '130 % of a core, tasks of 5 ms'
  const ratio = find(threads, 'thread').p99 / none.p99
  found.push({
    what: '130 % of a core deferred to threads: the p99 of requests is at most 4× that without',
    measured: `${ratio.toFixed(2)}×, with fire and forget ${(find(threads, 'immediate').p99 / none.p99).toFixed(0)}×`,
    reached: ratio <= 4,
  })
  const sixty = '60 % of a core, tasks of 0.2 ms'
  const share = find(sixty, 'afterword').done / find(sixty, 'immediate').done
  found.push({
    what: '60 % of a core deferred: at least 0.95× the tasks that fire and forget gets done',
    measured: `${share.toFixed(3)}×`,
    reached: share >= 0.95,
  })
  return found
}
