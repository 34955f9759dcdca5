import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Program } from '../program.ts'
import type { Result, Target } from '../result.ts'
import type { Preparation } from './case.ts'
import { type Usage, usageOf } from './usage.ts'

/** Goals for a second. */
const most: Usage = { cpu: 1, wakeUps: 2 }
/** The time in ms for which a process is left alone before the first look at it, and between two looks. */
const settling = 15_000
const measured = 20_000

interface IdleCase extends Omit<Preparation, 'folder' | 'slots'> {
  readonly title: string
  readonly journal: boolean
  /** The number of slots that a dead process has left in the folder. */
  readonly left?: number
  /** The number of processes that idle on the folder. @default 1 */
  readonly processes?: number
}

const cases: readonly IdleCase[] = [
  { title: 'no journal, 1 job', journal: false, jobs: 1 },
  { title: 'a journal, 1 job', journal: true, jobs: 1 },
  { title: 'a journal, 300 jobs', journal: true, jobs: 300 },
  { title: 'a journal, 1 job, 200 slots left by a process that was killed', journal: true, jobs: 1, left: 200 },
  { title: 'a journal, 1 job, one of four processes on it', journal: true, jobs: 1, processes: 4 },
]

/** Measures what a process costs that has nothing to do. */
export async function measureIdle(): Promise<Result> {
  const targets: Target[] = []
  const rows: string[][] = []
  for (const idle of cases) {
    const { cpu, wakeUps } = await measure(idle)
    rows.push([idle.title, cpu.toFixed(2), wakeUps.toFixed(1)])
    if (!idle.journal) continue
    targets.push({
      what: `${idle.title}: at most ${most.cpu} ms of CPU and ${most.wakeUps} wake-ups a second`,
      measured: `${cpu.toFixed(2)} ms, ${wakeUps.toFixed(1)}`,
      reached: cpu <= most.cpu && wakeUps <= most.wakeUps,
    })
  }
  return {
    title: 'Idle',
    columns: ['a process that has nothing to do', 'CPU ms/s', 'wake-ups/s'],
    rows,
    notes: [
      `All threads of the process, for ${measured / 1000} s, from ${settling / 1000} s after its first job on. Linux counts them: CPU time in \`schedstat\`, wake-ups as voluntary context switches.`,
    ],
    targets,
  }
}

/** @returns the usage of one process in a second */
async function measure({ journal, jobs, left = 0, processes = 1 }: IdleCase): Promise<Usage> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-idle-'))
  try {
    // A process holds files for each of its slots.
    for (let slots = 50; left > 0; left -= slots) await leave({ folder, jobs: 1, slots: Math.min(slots, left) })
    await using programs = new AsyncDisposableStack()
    const all = Array.from({ length: processes }, () => programs.use(new Program(new URL('case.ts', import.meta.url))))
    const preparation: Preparation = { jobs, slots: 1, ...(journal && { folder }) }
    const pids: number[] = []
    for (const program of all) pids.push(await program.ask<number>(preparation))
    await setTimeout(settling)
    const before = pids.map(usageOf)
    await setTimeout(measured)
    const seconds = measured / 1000
    const after = pids.map(usageOf)
    const spent = (name: keyof Usage) =>
      Math.max(...after.map((usage, i) => (usage[name] - (before[i] as Usage)[name]) / seconds))
    return { cpu: spent('cpu'), wakeUps: spent('wakeUps') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function leave(preparation: Preparation): Promise<void> {
  // Killed with this block.
  await using program = new Program(new URL('case.ts', import.meta.url))
  await program.ask(preparation)
}
