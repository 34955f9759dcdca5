import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folderSize } from '../../tools/folder-size.ts'
import { Program } from '../program.ts'
import { type Result, type Target, whole } from '../result.ts'
import { median, summary } from '../statistics.ts'
import type { Question } from './case.ts'
import type { Servers } from './contender.ts'
import type { ProcessRun, RunTimes } from './process.ts'

const rounds = 3
const many = 100_000
const most = 1_000_000
const running = 10
/** ms, MB, and times the size of the first half. */
const goals = { first: 300, again: 1000, memory: 60, growth: 1.1 }
const steady: Question = { inFlight: 128, duration: 5000 }

/** Measures a process that starts after another one was killed, and the size of the journal. */
export async function measureRecovery(servers: Servers): Promise<Result> {
  const firsts: number[] = []
  const agains: number[] = []
  for (let round = 0; round < rounds; round++) {
    firsts.push((await recover(servers, many, 1)).first)
    agains.push(await interrupt(servers))
  }
  // Long enough to see what it needs while it runs them.
  const full = await recover(servers, most, many)
  const idle = await live(folderIn(servers, 'idle'), { calls: 1, runs: 1 })
  const memory = full.rss - idle.rss
  const { early, late } = await measureSize(servers)
  const [first, again] = [median(firsts), median(agains)]
  const target = (what: string, measured: string, reached: boolean): Target => ({ what, measured, reached })
  return {
    title: 'Journal: recovery and size',
    columns: ['after a `kill -9`', 'measured'],
    rows: [
      [`${whole(many)} pending: from the start of the process to the first run`, `${whole(first)} ms`],
      [`${whole(most)} pending: the same`, `${whole(full.first)} ms`],
      [`${whole(most)} pending: the first ${whole(many)} have run`, `${whole(full.last)} ms`],
      [
        `${whole(most)} pending: memory at the first run, more than an idle process`,
        `${whole(full.firstRss - idle.rss)} MB`,
      ],
      [
        `${whole(most)} pending: memory until the first ${whole(many)} have run, more than an idle process`,
        `${whole(memory)} MB`,
      ],
      [`${running} running jobs: from the start of the process until all run again`, `${whole(again)} ms`],
      ['size of the folder, first half of 5 s at full speed, at most', `${early.toFixed(1)} MB`],
      ['size of the folder, second half, at most', `${late.toFixed(1)} MB`],
    ],
    notes: [
      `Medians of ${rounds}; with ${whole(most)}, once. An idle process has the same journal with one job. Size: accept and settle with ${steady.inFlight} in flight.`,
    ],
    targets: [
      target(`${whole(many)} pending: first run within ${goals.first} ms`, `${whole(first)} ms`, first < goals.first),
      target(
        `${whole(most)} pending: at most ${goals.memory} MB more until ${whole(many)} have run`,
        `${whole(memory)} MB`,
        memory <= goals.memory,
      ),
      target(`${running} interrupted jobs run within ${goals.again} ms`, `${whole(again)} ms`, again < goals.again),
      target('the size stays flat', `${(late / early).toFixed(2)}×`, late <= goals.growth * early),
    ],
  }
}

/** A process leaves so many records behind; the next one runs some of them. */
async function recover(servers: Servers, records: number, runs: number): Promise<RunTimes> {
  const folder = folderIn(servers, 'pending')
  {
    await using program = new Program(new URL('pending.ts', import.meta.url), [folder])
    await program.ask({ records })
  }
  const times = await live(folder, { calls: 0, runs })
  rmSync(folder, { recursive: true })
  return times
}

/** A process is killed while jobs run. When all of them run in the next one, in ms since its start. */
async function interrupt(servers: Servers): Promise<number> {
  const folder = folderIn(servers, 'interrupted')
  await live(folder, { calls: running, runs: running })
  const { last } = await live(folder, { calls: 0, runs: running })
  return last
}

/** A process, until it has told what was asked; then it is killed. */
async function live(folder: string, run: ProcessRun): Promise<RunTimes> {
  const kind = run.runs === running ? 'endless' : 'short'
  await using program = new Program(new URL('process.ts', import.meta.url), [folder, kind])
  // Awaited here: the process ends with this block.
  return await program.ask<RunTimes>(run)
}

/** The largest size of the files in the first and in the second half of some seconds under load, in MB. */
async function measureSize(servers: Servers): Promise<{ early: number; late: number }> {
  const folder = folderIn(servers, 'steady')
  const own = JSON.stringify({ ...servers, folder } satisfies Servers)
  await using program = new Program(new URL('case.ts', import.meta.url), ['journal-normal', 'pair', own])
  const sizes: number[] = []
  const timer = setInterval(() => sizes.push(folderSize(folder)), 50)
  await program.ask(steady)
  clearInterval(timer)
  const half = Math.floor(sizes.length / 2)
  return { early: summary(sizes.slice(0, half)).max, late: summary(sizes.slice(half)).max }
}

function folderIn({ folder }: Servers, name: string): string {
  return mkdtempSync(join(folder, `${name}-`))
}
