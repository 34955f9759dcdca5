import { setTimeout as pause } from 'node:timers/promises'
import { Program } from '../program.ts'
import type { Latencies, Plan } from '../protect/load.ts'
import { type Result, whole } from '../result.ts'
import { median, summary } from '../statistics.ts'
import type { EngineName } from './contender.ts'
import { ratioText, share } from './rounds.ts'
import type { WebStatus } from './server.ts'
import { engines, type Servers, titles } from './servers.ts'

const rounds = 4
const rate = 1000
const duration = 2000
const most = 1.2

const phases = ['there', 'there, again (A/A)', 'away', 'back, and calls are forwarded'] as const
type Phase = (typeof phases)[number]
type Sample = Readonly<Record<Phase, { readonly p50: number; readonly p99: number }>>

/** Measures what requests feel of an engine that is away. */
export async function measureOutages(servers: Servers): Promise<Result> {
  await using client = new Program(new URL('../protect/load.ts', import.meta.url), [], { core: 1 })
  const samples: Record<EngineName, Sample[]> = { bullmq: [], 'pg-boss': [] }
  for (const engine of engines) samples[engine] = await measure(servers, client, engine)
  const p99 = (engine: EngineName, phase: Phase) => samples[engine].map((sample) => sample[phase].p99)
  const ratio = (engine: EngineName, phase: Phase) =>
    summary(p99(engine, phase).map((value, round) => value / (p99(engine, phases[0])[round] as number)))
  return {
    title: 'Engines: requests while the engine is away',
    columns: ['the engine is', 'p50 ms', 'p99 ms', 'p99, ratio (min–max)'],
    rows: engines.flatMap((engine) =>
      phases.map((phase) => [
        `${titles[engine]}: ${phase}`,
        median(samples[engine].map((sample) => sample[phase].p50)).toFixed(2),
        median(p99(engine, phase)).toFixed(2),
        phase === phases[0] ? '1' : ratioText(ratio(engine, phase)),
      ]),
    ),
    notes: [
      `Open loop, ${whole(rate)} requests/s for ${duration / 1000} s; each dispatches a job, awaits it, and answers. A journal is before the engine, whose server is killed and started again. Medians of ${rounds} rounds, ratios in each round. The server has core 0, the client core 1, Redis and Postgres both. The last phase begins as soon as the server of the engine answers again.`,
    ],
    targets: engines.map((engine) => {
      const { median } = ratio(engine, 'away')
      return {
        what: `${titles[engine]} is away: at most ${most}× the p99 of requests while it is there`,
        measured: `${median.toFixed(2)}×`,
        reached: median <= most,
      }
    }),
  }
}

async function measure(servers: Servers, client: Program, engine: EngineName): Promise<Sample[]> {
  const daemon = servers.daemons[engine]
  const file = new URL('server.ts', import.meta.url)
  await using web = new Program(file, [JSON.stringify(servers.place(engine))], { core: 0 })
  const { port } = await web.ask<WebStatus>({})
  const load = async (ms = duration) => {
    const plan: Plan = { port, work: { bursts: 0, tasks: 0, ms: 0 }, rate, duration: ms }
    const { times } = await client.ask<Latencies>(plan)
    return { p50: share(times, 0.5), p99: share(times, 0.99) }
  }
  const until = async (is: (status: WebStatus) => boolean) => {
    while (!is(await web.ask<WebStatus>({}))) await pause(20)
  }
  const forwarded = () => until(({ isAway, sending }) => !isAway && sending === 0)
  // Until the compiler is done with all of it: its threads share the core.
  for (let times = 0; times < 3; times++) await load(1000)
  const samples: Sample[] = []
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    await forwarded()
    const there = await load()
    const again = await load()
    await daemon.kill()
    await load(200)
    await until(({ isAway }) => isAway)
    const away = await load()
    await daemon.restart()
    const back = await load()
    if (round >= 0) samples.push({ there, 'there, again (A/A)': again, away, 'back, and calls are forwarded': back })
  }
  return samples
}
