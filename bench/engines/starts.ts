import type { Result } from '../result.ts'
import { median } from '../statistics.ts'
import type { EngineName } from './contender.ts'
import { type Entry, share } from './rounds.ts'
import { engines, type Servers, titles } from './servers.ts'

const rounds = 3
const duration = 2000
const rate = 50
/** The plan for pg-boss as it is delivered, whose workers look for jobs each two seconds: calls come at any moment between two looks. */
const slow = { rate: 3, duration: 8000, rounds: 1 }
const concurrency = 64
/** ms. */
const most = 20

const names = ['default', 'hand', 'engine', 'journal'] as const
type Way = (typeof names)[number]

/** Measures how long after its call a job begins in another process. */
export async function measureStarts(servers: Servers): Promise<Result> {
  const rows: string[][] = []
  const p50 = new Map<string, number>()
  for (const engine of engines) {
    for (const name of names) {
      const [middle, late] = await measure(servers, { engine, name })
      p50.set(`${engine} ${name}`, middle)
      rows.push([titleOf(engine, name), middle.toFixed(1), late.toFixed(1)])
    }
  }
  const ofPgBoss = (name: Way) => p50.get(`pg-boss ${name}`) as number
  return {
    title: 'Engines: from the call to the run',
    columns: ['another process runs the job', 'p50 ms', 'p99'],
    rows,
    notes: [
      `${rate} calls a second in one process, a worker in another one: from the call of \`dispatch\`, \`add\` or \`send\` to the first line of the handler, by a clock that both have. Medians of ${rounds} rounds of ${duration / 1000} s. pg-boss as delivered: ${slow.rate} calls a second for ${slow.duration / 1000} s, in batches of up to ${concurrency}.`,
    ],
    targets: (['engine', 'journal'] as const).map((name) => ({
      what: `${titleOf('pg-boss', name)}: at most ${most} ms, p50`,
      measured: `${ofPgBoss(name).toFixed(1)} ms`,
      reached: ofPgBoss(name) <= most,
    })),
  }
}

async function measure(servers: Servers, { engine, name }: Entry): Promise<[p50: number, p99: number]> {
  const isSlow = engine === 'pg-boss' && name === 'default'
  const plan = isSlow ? slow : { rate, duration, rounds }
  const place = servers.place(engine)
  await using worker = servers.start(name === 'journal' ? 'engine' : name, place)
  await worker.ask({ do: 'work', concurrency, endless: false })
  await using caller = servers.start(name, place)
  await caller.ask({ do: 'add', rate: plan.rate, duration: 1000 })
  await worker.ask({ do: 'starts' })
  const samples: number[][] = []
  for (let round = 0; round < plan.rounds; round++) {
    await caller.ask({ do: 'add', rate: plan.rate, duration: plan.duration })
    if (isSlow) await new Promise((resolve) => setTimeout(resolve, 2500))
    samples.push(await worker.ask<number[]>({ do: 'starts' }))
  }
  const middle = (part: number) => median(samples.map((times) => share(times, part)))
  return [middle(0.5), middle(0.99)]
}

function titleOf(engine: EngineName, name: Way): string {
  const title = {
    default: 'by hand, as delivered',
    hand: 'by hand, as safe as Afterword',
    engine: 'Afterword',
    journal: 'Afterword behind a journal',
  }[name]
  return `${titles[engine]}: ${title}`
}
