import { type Result, whole } from '../result.ts'
import type { EngineName } from './contender.ts'
import { type Entry, ratioText, takeRounds } from './rounds.ts'
import { engines, type Servers, titles } from './servers.ts'

const rounds = 5
const calls = 20_000
const least = 0.8
const bulk = { bullmq: '`queue.addBulk()`', 'pg-boss': '`boss.insert()`' } as const

/** Measures how fast calls get into the engine from one process. */
export async function measureForwarding(servers: Servers): Promise<Result> {
  const backlogOf = (engine: EngineName): Entry => ({ engine, name: 'journal', question: { do: 'forward', calls } })
  const entries = engines.flatMap((engine) => [
    ...(['hand', 'engine', 'journal'] as const).map((name): Entry => ({ engine, name })),
    backlogOf(engine),
  ])
  const samples = await takeRounds<number>(servers, {
    entries,
    rounds,
    question: { do: 'add-all', calls },
    value: (perSecond) => perSecond,
  })
  const title = ({ engine, name, question }: Entry) =>
    question !== undefined
      ? `${titles[engine]}: the forwarder, from the disk`
      : {
          hand: `${titles[engine]}: ${bulk[engine]}, 1,000 at a time`,
          engine: `${titles[engine]}: \`dispatch()\` without a journal`,
          journal: `${titles[engine]}: \`dispatch()\`, the journal, the forwarder`,
        }[name as 'hand' | 'engine' | 'journal']
  const ratio = (entry: Entry) => samples.ratio(entry, { engine: entry.engine, name: 'hand' })
  return {
    title: 'Engines: forwarding',
    columns: [`${whole(calls)} calls from one process`, 'calls/s', 'ratio (min–max)'],
    rows: entries.map((entry) => [
      title(entry),
      whole(samples.median(entry)),
      entry.name === 'hand' ? '1' : ratioText(ratio(entry)),
    ]),
    notes: [
      `From the first call until the engine has all of them: encoding and the journal included. From the disk: another process has left the calls in the folder; from the first one that the engine has until the last. By hand with ids of the caller's, under which calls can be added again. Median of ${rounds} rounds.`,
    ],
    targets: engines.map((engine) => {
      const { median } = ratio(backlogOf(engine))
      return {
        what: `forwarding to ${titles[engine]}: at least ${least}× ${bulk[engine]} from one process`,
        measured: `${median.toFixed(2)}×`,
        reached: median >= least,
      }
    }),
  }
}
