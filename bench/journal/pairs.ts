import { type Result, type Target, whole } from '../result.ts'
import type { Servers } from './contender.ts'
import { takeRounds } from './rounds.ts'

const levels = [1, 16, 128, 1024]
const rounds = 5
/** In flight where the goals are set. */
const level = 128
const goals = { normal: { perSecond: 300_000, alone: 60_000 }, full: { ofFloor: 0.9 }, cpu: 4 }

const floor = 'a bare log: one write and one `fdatasync` for each turn'
const journals = ["Afterword's journal, `normal`", "Afterword's journal, `full`"] as const

/** Each call is stored, waited for, and settled: the journal by itself, without scopes and tasks. */
export async function measurePairs(servers: Servers): Promise<Result> {
  const samples = await takeRounds(servers, {
    entries: [
      { title: floor, name: 'bare-log', workload: 'pair' },
      { title: journals[0], name: 'journal-normal', workload: 'pair' },
      { title: journals[1], name: 'journal-full', workload: 'pair' },
    ],
    levels,
    rounds,
    duration: 400,
  })
  const [normal, full] = journals
  const atLeast = (title: string, inFlight: number, goal: number): Target => ({
    what: `${title}: at least ${whole(goal)} pairs/s with ${inFlight} in flight`,
    measured: whole(samples.perSecond(title, inFlight)),
    reached: samples.perSecond(title, inFlight) >= goal,
  })
  const ratio = samples.ratio(full, floor, level).median
  const targets: Target[] = [
    atLeast(normal, level, goals.normal.perSecond),
    atLeast(normal, 1, goals.normal.alone),
    {
      what: `${full}: at least ${goals.full.ofFloor}× the bare log with ${level} in flight`,
      measured: `${ratio.toFixed(2)}×`,
      reached: ratio >= goals.full.ofFloor,
    },
    ...journals.map((title): Target => {
      const cpu = samples.cpu(title, level)
      return {
        what: `${title}: at most ${goals.cpu} µs of the calling thread for each pair with ${level} in flight`,
        measured: Number.isNaN(cpu) ? 'this version of Node does not tell' : `${cpu.toFixed(1)} µs`,
        reached: cpu <= goals.cpu,
      }
    }),
  ]
  return {
    title: 'Journal: accept and settle',
    columns: ['pairs/s', ...levels.map((level) => `${level} in flight`), `ratio at ${level} (min–max)`, `CPU µs`],
    rows: [floor, ...journals].map((title) => {
      const { median, min, max } = samples.ratio(title, floor, level)
      return [
        title,
        ...levels.map((level) => whole(samples.perSecond(title, level))),
        title === floor ? '1' : `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`,
        samples.cpu(title, level).toFixed(1),
      ]
    }),
    notes: [
      `A record of about 200 bytes of arguments is accepted, waited for, and settled. Median of ${rounds} rounds of 0.4 s for each. The bare log is synced on the calling thread; the journal has a thread of its own. CPU: of the calling thread, for each pair, with ${level} in flight.`,
    ],
    targets,
  }
}
