import { join } from 'node:path'
import { configure, job } from 'afterword'
import { answer } from '../program.ts'
import { type Payload, payload } from './payload.ts'

// One life of a process on a journal: it stores calls, runs them and what earlier ones have left, until it is killed.

export interface ProcessRun {
  /** The number of calls that are stored first. */
  readonly calls: number
  /** Answered when so many runs have begun. */
  readonly runs: number
}

export interface RunTimes {
  /** The moments at which the first and the last of those runs began, in ms since the process started. */
  readonly first: number
  readonly last: number
  /** The most memory that it has had until then, in MB. */
  readonly firstRss: number
  readonly rss: number
}

const [folder = '', kind] = process.argv.slice(2)
const begun: number[] = []
let firstRss = 0
let onBegun = () => {}

/** The most memory that the process has had, in MB. */
const memory = () => process.resourceUsage().maxRSS / 1024

const SendWelcome = job('send-welcome', (_mail: Payload) => {
  begun.push(performance.now())
  if (begun.length === 1) firstRss = memory()
  onBegun()
  return kind === 'endless' ? new Promise<void>(() => {}) : undefined
})
configure({ journal: join(folder, 'journal') })

answer<ProcessRun, RunTimes>(async ({ calls, runs }) => {
  await Promise.all(Array.from({ length: calls }, () => SendWelcome.defer(payload()).accepted))
  await new Promise<void>((resolve) => {
    onBegun = () => {
      if (begun.length >= runs) resolve()
    }
    onBegun()
  })
  return { first: begun[0] ?? 0, last: begun[runs - 1] ?? 0, firstRss, rss: memory() }
})
