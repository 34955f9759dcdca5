import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { Backlog } from '../journal/backlog.ts'
import { Outbox } from '../journal/outbox.ts'
import { type Payload, payload } from '../journal/payload.ts'
import { closedLoop } from '../journal/sample.ts'
import { answer } from '../program.ts'
import type { Place } from './contender.ts'
import { type Name, start } from './contenders.ts'

/** A call with the moment at which it was made, by the clock that all processes of a machine share. */
type TimedPayload = Payload & { readonly at: number }

export type Question =
  /** Adds a call at a time, so many in a second. The times until each was added, in ms, sorted. */
  | { readonly do: 'add'; readonly rate: number; readonly duration: number }
  /** Adds so many calls in bulk, then forgets them. The calls in a second. */
  | { readonly do: 'add-all'; readonly calls: number }
  /** Keeps so many calls on the disk, and then hands them on. The calls in a second. */
  | { readonly do: 'forward'; readonly calls: number }
  /** Adds calls and runs them: the next one is made when one has run. The calls in a second. */
  | { readonly do: 'run'; readonly inFlight: number; readonly concurrency: number; readonly duration: number }
  /** Runs so many calls that the engine has already. The calls in a second. */
  | { readonly do: 'drain'; readonly calls: number; readonly concurrency: number }
  /** Runs calls from now on. With `endless`, none ever ends. */
  | { readonly do: 'work'; readonly concurrency: number; readonly endless: boolean }
  /** The times from each call until its run began, in ms, sorted; of those that have begun since this was last asked. */
  | { readonly do: 'starts' }
  /** Answered with the moment at which so many runs have begun. */
  | { readonly do: 'begun'; readonly runs: number }
  /** Adds so many calls at once. Answered when they are kept. */
  | { readonly do: 'flood'; readonly calls: number }
  | { readonly do: 'usage' }

/** The numbers of a process since it started. */
export interface ProcessUsage {
  /** CPU time of all threads, in ms. */
  readonly cpu: number
  /** Bytes that it has written to the disk. */
  readonly written: number
  /** The number of runs that have begun. */
  readonly runs: number
}

const [name, place = ''] = process.argv.slice(2)
const contender = await start(name as Name, JSON.parse(place) as Place)

/** The clock of the machine, in ms. */
const now = () => Number(process.hrtime.bigint()) / 1e6

answer<Question, unknown>((question) => {
  switch (question.do) {
    case 'add':
      return add(question.rate, question.duration)
    case 'add-all':
      return addAll(question.calls)
    case 'forward':
      return forward(question.calls)
    case 'run':
      return run(question)
    case 'drain':
      return drain(question.calls, question.concurrency)
    case 'work':
      return work(question.concurrency, question.endless)
    case 'starts':
      return starts.splice(0).sort((a, b) => a - b)
    case 'begun':
      return begun(question.runs)
    case 'flood':
      return flood(question.calls)
    case 'usage':
      return usage()
  }
})

async function add(rate: number, duration: number): Promise<number[]> {
  const times: number[] = []
  const start = now()
  for (let call = 0; call < (rate * duration) / 1000; call++) {
    const early = start + (call * 1000) / rate - now()
    if (early > 0) await pause(early)
    const data: TimedPayload = { ...payload(), at: now() }
    await contender.add(data)
    times.push(now() - data.at)
  }
  return times.sort((a, b) => a - b)
}

async function addAll(calls: number): Promise<number> {
  const all = Array.from({ length: calls }, payload)
  const start = now()
  await contender.addAll(all)
  const perSecond = (1000 * calls) / (now() - start)
  await contender.clear()
  return perSecond
}

async function forward(calls: number): Promise<number> {
  const perSecond = (await contender.forward?.(Array.from({ length: calls }, payload))) ?? Number.NaN
  await contender.clear()
  return perSecond
}

const outbox = new Outbox()
let isRunning = false

async function run({ inFlight, concurrency, duration }: Extract<Question, { do: 'run' }>): Promise<number> {
  if (!isRunning) {
    await contender.work(concurrency, (data) => {
      runs++
      outbox.send(data)
    })
  }
  isRunning = true
  const call = () => outbox.through((data) => contender.add(data))
  const { perSecond } = await closedLoop(call, inFlight, duration)
  return perSecond
}

async function drain(calls: number, concurrency: number): Promise<number> {
  const backlog = new Backlog()
  await contender.addAll(Array.from({ length: calls }, payload))
  const rate = backlog.expect(calls)
  const stop = await contender.work(concurrency, backlog.ran)
  const perSecond = await rate
  await stop()
  // What is done last is stored.
  await pause(200)
  await contender.clear()
  return perSecond
}

const starts: number[] = []
let runs = 0
let onBegun = () => {}

async function work(concurrency: number, endless: boolean): Promise<boolean> {
  await contender.work(concurrency, (data) => {
    starts.push(now() - (data as TimedPayload).at)
    runs++
    onBegun()
    return endless ? new Promise(() => {}) : undefined
  })
  return true
}

function begun(count: number): Promise<number> {
  return new Promise((resolve) => {
    onBegun = () => {
      if (runs >= count) resolve(now())
    }
    onBegun()
  })
}

async function flood(calls: number): Promise<boolean> {
  const call = () => {
    const data: TimedPayload = { ...payload(), at: now() }
    return contender.add(data)
  }
  await Promise.all(Array.from({ length: calls }, call))
  return true
}

function usage(): ProcessUsage {
  const { user, system } = process.cpuUsage()
  // https://www.kernel.org/doc/html/latest/filesystems/proc.html
  const written = Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
  return { cpu: (user + system) / 1000, written, runs }
}
