import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Program } from '../program.ts'
import { type Result, whole } from '../result.ts'
import type { Answer, Question } from './case.ts'

const keys = 300
const warmUp = 30
/** The time in ms for which a key is held: the other process has been told several times by then that it is taken. */
const held = 20
/** Other calls in a second. */
const loads = [0, 1000] as const

/** Measures how long after the end of its run a unique key is free for another process. */
export async function measureKeys(): Promise<Result> {
  const rows: string[][] = []
  for (const perSecond of loads) {
    const times = (await timesWith(perSecond)).sort((a, b) => a - b)
    const share = (part: number) => (times[Math.floor(times.length * part)] ?? Number.NaN).toFixed(1)
    rows.push([
      perSecond === 0 ? 'nothing else' : `${whole(perSecond)} dispatches a second by the other process`,
      ...[0.5, 0.99, 1 - 1e-9].map(share),
    ])
  }
  return {
    title: 'Unique keys: free for another process',
    columns: ['beside', 'p50 ms', 'p99', 'longest'],
    rows,
    notes: [
      `Two processes on one folder. One runs a call with a key, the other calls with the same key again and again, a millisecond after each answer. The time from the end of the run to the begin of the first call that is added; ${keys} keys each.`,
    ],
    targets: [],
  }
}

async function timesWith(perSecond: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-bench-keys-'))
  const file = new URL('case.ts', import.meta.url)
  const times: number[] = []
  try {
    await using holder = new Program(file, [folder])
    await using other = new Program(file, [folder])
    const ask = (program: Program, question: Question) => program.ask<Answer>(question)
    if (perSecond > 0) await ask(other, { type: 'load', perSecond })
    for (let key = -warmUp; key < keys; key++) {
      const { id = '' } = await ask(holder, { type: 'hold', key })
      const tried = ask(other, { type: 'try', key, id })
      await sleep(held)
      const { at: ended = Number.NaN } = await ask(holder, { type: 'end', key })
      const { at: added = Number.NaN } = await tried
      // A call that began just before the end may be added as well.
      if (key >= 0) times.push(Math.max(0, added - ended))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return times
}
