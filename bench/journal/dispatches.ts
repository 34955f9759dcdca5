import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../program.ts'
import { type Result, whole } from '../result.ts'
import { median } from '../statistics.ts'
import type { Servers } from './contender.ts'
import type { DispatchPlan, DispatchTimes } from './dispatcher.ts'

const workers = [1, 4] as const
const plan: DispatchPlan = { rate: 1000, duration: 3000 }
const rounds = 3
/** ms. */
const most = 5

/** Measures for how long a caller waits for `dispatch` while several processes run the jobs of one folder. */
export async function measureDispatches(servers: Servers): Promise<Result> {
  const file = new URL('dispatcher.ts', import.meta.url)
  const rows: string[][] = []
  let worst = Number.NaN
  for (const count of workers) {
    const samples: (readonly number[])[] = []
    for (let round = 0; round < rounds; round++) {
      const folder = mkdtempSync(join(servers.folder, 'dispatch-'))
      await using programs = new AsyncDisposableStack()
      const all = Array.from({ length: count }, () => programs.use(new Program(file, [folder])))
      // All of them have begun, and the compiler is done with the first one.
      for (const program of all) await program.ask<DispatchTimes>({ ...plan, duration: 500 })
      samples.push((await (all[0] as Program).ask<DispatchTimes>(plan)).times)
    }
    const share = (part: number) => median(samples.map((times) => times[Math.floor(times.length * part)] ?? Number.NaN))
    worst = share(0.99)
    rows.push([`${count}`, ...[share(0.5), worst, share(1 - 1e-9)].map((time) => time.toFixed(2))])
  }
  return {
    title: 'Journal: dispatch',
    columns: ['processes on the folder', 'p50 ms', 'p99', 'longest'],
    rows,
    notes: [
      `One process dispatches ${whole(plan.rate)} calls a second for ${plan.duration / 1000} s, all of them run the jobs. The time from the call until it is accepted; medians of ${rounds} rounds.`,
    ],
    targets: [
      {
        what: `\`dispatch\` with ${workers.at(-1)} processes: at most ${most} ms, p99`,
        measured: `${worst.toFixed(2)} ms`,
        reached: worst < most,
      },
    ],
  }
}
