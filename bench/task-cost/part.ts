import type { NodeVersion } from '../../tools/nodes.ts'
import { nodeVersions, Program } from '../program.ts'
import { type Result, type Target, whole } from '../result.ts'
import { median } from '../statistics.ts'
import type { Case } from './case.ts'

interface Row extends Case {
  readonly title: string
  /** At most so many ns. */
  readonly target?: number
}

const rows: readonly Row[] = [
  { title: '`defer`, 1 task in each of 64 scopes', way: 'defer', scopes: 64, tasksPerScope: 1, target: 700 },
  { title: '`defer`, 3 tasks in each of 64 scopes', way: 'defer', scopes: 64, tasksPerScope: 3, target: 350 },
  { title: '`defer`, 10 tasks in each of 64 scopes', way: 'defer', scopes: 64, tasksPerScope: 10 },
  { title: '`defer`, 1,000 tasks in one scope', way: 'defer', scopes: 1, tasksPerScope: 1000, target: 1000 },
  { title: 'fastq (`fastq.promise`), 1,000', way: 'fastq', scopes: 1, tasksPerScope: 1000 },
  { title: 'p-queue, 1,000', way: 'p-queue', scopes: 1, tasksPerScope: 1000 },
  { title: '`setImmediate`, 1,000', way: 'setImmediate', scopes: 1, tasksPerScope: 1000 },
  { title: '`queueMicrotask`, 1,000', way: 'queueMicrotask', scopes: 1, tasksPerScope: 1000 },
]
/** Every number is the median of so many processes. */
const processes = 3

export async function measureTaskCost(): Promise<Result> {
  const targets: Target[] = []
  const cells: string[][] = []
  for (const { title, target, ...given } of rows) {
    const row = [title]
    for (const node of nodeVersions) {
      const ns = await measure(given, node)
      row.push(whole(ns))
      if (target === undefined) continue
      targets.push({
        what: `${title}: at most ${whole(target)} ns for each, Node ${node}`,
        measured: `${whole(ns)} ns`,
        reached: ns <= target,
      })
    }
    cells.push(row)
  }
  return {
    title: 'Cost of a task',
    columns: ['ns for each task, from the call to the end of its run', ...nodeVersions.map((node) => `Node ${node}`)],
    rows: cells,
    notes: [
      `Median of ${processes} processes, each the median of its rounds. With few tasks in each scope, the scope itself is the larger part.`,
    ],
    targets,
  }
}

async function measure(given: Case, node: NodeVersion): Promise<number> {
  const values: number[] = []
  for (let i = 0; i < processes; i++) {
    await using program = new Program(new URL('case.ts', import.meta.url), [], { node, core: 0 })
    values.push(await program.ask<number>(given))
  }
  return median(values)
}
