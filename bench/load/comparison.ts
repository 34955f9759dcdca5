import { Program } from '../program.ts'
import { type Result, type Target, whole } from '../result.ts'
import { median, summary } from '../statistics.ts'
import type { Load, Slice } from './client.ts'
import type { Usage } from './server.ts'
import type { Variant } from './variant.ts'
import { warmUp } from './warm-up.ts'

export interface Comparison {
  readonly title: string
  /** The program that is started with the name of each variant. */
  readonly server: URL
  readonly variants: Readonly<Record<string, Variant>>
  readonly rounds: number
  /** The time in ms for which each server is asked in a round. @default 250 */
  readonly slice?: number
  /** @default 50 */
  readonly connections?: number
  /** The servers leave work to threads and other processes: they have all cores, wait for others, and the client sleeps meanwhile. */
  readonly shared?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly notes?: readonly string[]
}

interface Sample {
  readonly perSecond: number
  /** CPU time of the server for each request, in µs. */
  readonly cpu: number
  /** Share of the time in which the server's process ran. */
  readonly busy: number
  readonly p99: number
}

/**
 * The number of times that the servers are started anew: two processes of the same server may differ by a quarter for as long as they live, by what V8
 * compiled first and where its code lies.
 */
const generations = 3

/** All servers live at once and get their slices in turn, so that what disturbs the machine disturbs all of them. */
export async function compare(comparison: Comparison): Promise<Result> {
  const { server: file, variants, rounds, slice = 250, connections = 50, shared, env = {} } = comparison
  await using programs = new AsyncDisposableStack()
  const client = programs.use(new Program(new URL('client.ts', import.meta.url), [], { core: 1 }))
  const names = Object.keys(variants)
  const options = shared ? { env } : { core: 0, env }
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]))
  for (let generation = 0; generation < generations; generation++) {
    await using started = new AsyncDisposableStack()
    const servers = new Map(names.map((name) => [name, started.use(new Program(file, [name], options))]))
    const take = (name: string, duration: number) =>
      sample(servers.get(name) as Program, client, {
        path: variants[name]?.path ?? '/',
        connections,
        duration,
        sleeps: shared,
      })
    for (const name of names) await warmUp((duration) => take(name, duration))
    for (let round = 0; round < rounds / generations; round++) {
      // Each round begins with another variant: none always follows the same one.
      for (let i = 0; i < names.length; i++) {
        const name = names[(round + i) % names.length] as string
        samples.get(name)?.push(await take(name, slice))
      }
    }
  }
  return toResult(samples, comparison)
}

async function sample(server: Program, client: Program, slice: Omit<Slice, 'port'>): Promise<Sample> {
  const before = await server.ask<Usage>({})
  const { responses, elapsed, p99 } = await client.ask<Load>({ ...slice, port: before.port } satisfies Slice)
  const cpu = (await server.ask<Usage>({})).cpu - before.cpu
  return { perSecond: (responses / elapsed) * 1000, cpu: cpu / responses, busy: cpu / 1000 / elapsed, p99 }
}

/** Below this share of the time other processes had the server's core, or the client was too slow. */
const busyEnough = 0.9

function toResult(
  samples: ReadonlyMap<string, readonly Sample[]>,
  { title: heading, variants, rounds, slice = 250, connections = 50, shared = false, notes = [] }: Comparison,
): Result {
  const targets: Target[] = []
  const rows = Object.entries(variants).map(([name, { title, against, target }]) => {
    const own = samples.get(name) ?? []
    const others = samples.get(against) ?? []
    const ratio = summary(own.map(({ perSecond }, round) => perSecond / (others[round]?.perSecond ?? Number.NaN)))
    const cpu = median(own.map(({ cpu }) => cpu))
    const more = median(own.map(({ cpu }, round) => cpu - (others[round]?.cpu ?? Number.NaN)))
    const share = median(own.map(({ cpu }, round) => (others[round]?.cpu ?? Number.NaN) / cpu))
    if (target !== undefined) {
      targets.push({
        what: `${title}: at least ${target}× the requests per second of ${variants[against]?.title}`,
        measured: `${ratio.median.toFixed(3)}× (by CPU time ${share.toFixed(3)}×)`,
        reached: ratio.median >= target,
      })
    }
    const reference = name === against
    return [
      title,
      whole(median(own.map(({ perSecond }) => perSecond))),
      reference ? '1' : `${ratio.median.toFixed(3)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
      cpu.toFixed(1),
      reference ? '–' : more.toFixed(1),
      reference ? '1' : share.toFixed(3),
      median(own.map(({ p99 }) => p99)).toFixed(1),
      `${whole(100 * median(own.map(({ busy }) => busy)))} %`,
    ]
  })
  const undisturbed = shared || [...samples.values()].every((own) => median(own.map(({ busy }) => busy)) >= busyEnough)
  return {
    title: heading,
    columns: [
      'server',
      'requests/s',
      'ratio (min–max)',
      'CPU µs/request',
      'µs more',
      'ratio by CPU time',
      'p99 ms',
      'server busy',
    ],
    rows,
    notes: [
      `Median of ${rounds} rounds of ${slice / 1000} s for each server, ${connections} connections, in ${generations} generations of processes. The ratio is taken in each round. p99: the median over the rounds of what 99 of 100 requests took at most, with all connections busy all the time.`,
      ...notes,
      ...(undisturbed
        ? []
        : [
            '**The servers were not busy all the time: something else used the cores. Go by the CPU time, or measure again.**',
          ]),
    ],
    targets,
  }
}
