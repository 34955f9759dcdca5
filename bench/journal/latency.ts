import type { Usage } from '../load/server.ts'
import { warmUp } from '../load/warm-up.ts'
import { Program } from '../program.ts'
import type { Latencies, Plan } from '../protect/load.ts'
import { type Result, whole } from '../result.ts'
import { median } from '../statistics.ts'
import type { Servers } from './contender.ts'
import { measureRoundTrip } from './round-trip.ts'
import { measureSync } from './sync.ts'

const rate = 3000
/** The requests a second with which a server is warmed up. */
const warmUpRate = 9000
const together = 16
/** The numbers of calls at the same moment: one after the other, and many. */
const shapes = [1, together] as const
type Shape = (typeof shapes)[number]
const duration = 2500
const rounds = 3
/** ms with one call and with many at the same moment, times a sync, and times the CPU time of a request whose job is in memory. */
const most = { alone: 0.02, normal: 0.1, full: 1.3, cpu: 1.5 }

const variants = {
  bare: 'no job',
  memory: 'Afterword, a job in memory',
  normal: 'Afterword, `normal`',
  full: 'Afterword, `full`',
} as const
type Variant = keyof typeof variants

interface Sample {
  readonly p50: number
  readonly p99: number
  /** CPU time of all threads of the server for each request, in µs. */
  readonly cpu: number
}

/** Measures the delay of a response that waits for its job. */
export async function measureLatency(servers: Servers): Promise<Result> {
  const names = Object.keys(variants) as Variant[]
  const samples: Record<Variant, Record<Shape, Sample>>[] = []
  const syncs: number[] = []
  const trips: number[] = []
  await using client = new Program(new URL('../protect/load.ts', import.meta.url), [], { core: 1 })
  for (let round = 0; round < rounds; round++) {
    syncs.push(measureSync(servers.folder))
    trips.push(await measureRoundTrip())
    const sample = {} as (typeof samples)[number]
    for (const name of names) sample[name] = await measure(client, name, servers)
    samples.push(sample)
  }
  const at = (name: Variant, shape: Shape, key: keyof Sample) =>
    median(samples.map((sample) => sample[name][shape][key]))
  const added = (name: Variant, shape: Shape, key: keyof Sample) =>
    median(samples.map((sample) => sample[name][shape][key] - sample.bare[shape][key]))
  const columnsOf = (name: Variant, shape: Shape) => [
    ...(['p50', 'p99'] as const).map((key) => at(name, shape, key).toFixed(2)),
    name === 'bare' ? '–' : added(name, shape, 'p50').toFixed(2),
    at(name, shape, 'cpu').toFixed(0),
  ]
  const list = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(', ')
  const sync = median(syncs)
  const ofMemory = median(samples.map(({ normal, memory }) => normal[1].cpu / memory[1].cpu))
  const ofSync = added('full', together, 'p50') / sync
  return {
    title: 'Journal: latency',
    columns: ['server', ...shapes.flatMap((shape) => [`${shape} at once, p50 ms`, 'p99', 'p50, added', 'CPU µs'])],
    rows: names.map((name) => [variants[name], ...shapes.flatMap((shape) => columnsOf(name, shape))]),
    notes: [
      `${whole(rate)} requests/s for ${duration / 1000} s, one at a time and ${together} at the same moment. Medians of ${rounds} rounds, each with servers of its own; what is added is taken in each round. One \`fdatasync\` of an appended page takes ${sync.toFixed(2)} ms (median of ${list(syncs)}), a message to a thread that waits and one back ${median(trips).toFixed(2)} ms (${list(trips)}).`,
    ],
    targets: [
      {
        what: `${variants.normal}, one at a time: at most ${most.alone} ms more, p50`,
        measured: `${added('normal', 1, 'p50').toFixed(3)} ms`,
        reached: added('normal', 1, 'p50') <= most.alone,
      },
      {
        what: `${variants.normal}, one at a time: at most ${most.cpu}× the CPU time of ${variants.memory}`,
        measured: `${ofMemory.toFixed(2)}×`,
        reached: ofMemory <= most.cpu,
      },
      {
        what: `${variants.normal}: at most ${most.normal} ms more, p50`,
        measured: `${added('normal', together, 'p50').toFixed(2)} ms`,
        reached: added('normal', together, 'p50') <= most.normal,
      },
      {
        what: `${variants.full}: at most ${most.full}× one \`fdatasync\` more, p50`,
        measured: `${ofSync.toFixed(2)}×`,
        reached: ofSync <= most.full,
      },
    ],
  }
}

async function measure(client: Program, name: Variant, servers: Servers): Promise<Record<Shape, Sample>> {
  const env = { BENCH_SERVERS: JSON.stringify(servers) }
  await using server = new Program(new URL('server.ts', import.meta.url), [name], { env })
  const { port } = await server.ask<Usage>({})
  const load = async (together: Shape, duration: number, perSecond = rate): Promise<Sample> => {
    const plan: Plan = { port, work: { bursts: 0, tasks: 0, ms: 0 }, rate: perSecond, together, duration }
    const before = await server.ask<Usage>({})
    const { times } = await client.ask<Latencies>(plan)
    const cpu = ((await server.ask<Usage>({})).cpu - before.cpu) / times.length
    const share = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN
    return { p50: share(0.5), p99: share(0.99), cpu }
  }
  await warmUp((duration) => load(together, duration, warmUpRate))
  return { 1: await load(1, duration), [together]: await load(together, duration) }
}
