import type { Result } from '../result.ts'
import { type Entry, ratioText, share, takeRounds } from './rounds.ts'
import { engines, type Servers, titles } from './servers.ts'

const rounds = 5
const rate = 200
const duration = 1500
/** The most of the time of the engine's own call. */
const most = { bullmq: 1 / 5, 'pg-boss': 1 / 20 } as const
const own = { bullmq: '`queue.add()`', 'pg-boss': '`boss.send()`' } as const

/** Measures for how long a caller waits until a call is kept. */
export async function measureDispatches(servers: Servers): Promise<Result> {
  const entries = engines.flatMap((engine) =>
    (['hand', 'engine', 'journal'] as const).map((name): Entry => ({ engine, name })),
  )
  const samples = await takeRounds<number[]>(servers, {
    entries,
    rounds,
    question: { do: 'add', rate, duration },
    // A few hundred calls would leave the code of the caller as it was loaded: they take two to three times as long as later ones.
    warmUp: { do: 'add', rate: 2000, duration: 2500 },
    value: (times) => share(times, 0.5),
  })
  const title = ({ engine, name }: Entry) =>
    ({
      hand: `${titles[engine]}: ${own[engine]}`,
      engine: `${titles[engine]}: \`dispatch()\` without a journal`,
      journal: `${titles[engine]}: \`dispatch()\` behind a journal`,
    })[name as 'hand' | 'engine' | 'journal']
  const ratio = (entry: Entry) => samples.ratio(entry, { engine: entry.engine, name: 'hand' })
  return {
    title: 'Engines: dispatch',
    columns: ['awaited, one at a time', 'p50 ms', 'ratio (min–max)'],
    rows: entries.map((entry) => [
      title(entry),
      samples.median(entry).toFixed(3),
      entry.name === 'hand' ? '1' : ratioText(ratio(entry)),
    ]),
    notes: [
      `${rate} calls a second, each awaited, after 5,000 without a pause. Median of ${rounds} rounds of ${duration / 1000} s; the ratio to the engine's own call is taken in each round. Redis \`everysec\`, Postgres as delivered.`,
    ],
    targets: engines.map((engine) => {
      const { median } = ratio({ engine, name: 'journal' })
      return {
        what: `\`dispatch\` behind a journal: at most 1/${Math.round(1 / most[engine])} of ${own[engine]}, p50`,
        measured: `1/${(1 / median).toFixed(0)}`,
        reached: median <= most[engine],
      }
    }),
  }
}
