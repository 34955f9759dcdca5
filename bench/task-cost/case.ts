import { Afterword, type ScopeResponse, type SentResponse } from 'afterword'
import fastq from 'fastq'
import PQueue from 'p-queue'
import { answer } from '../program.ts'
import { median } from '../statistics.ts'

export interface Case {
  readonly way: 'defer' | 'setImmediate' | 'queueMicrotask' | 'fastq' | 'p-queue'
  readonly scopes: number
  readonly tasksPerScope: number
}

/** As little of a response as a scope needs. */
class BareResponse implements ScopeResponse {
  static readonly sent: SentResponse = { method: 'GET', path: '/', status: 200, delivered: true, aborted: false }
  #callback: ((sent: SentResponse) => void) | undefined

  whenSent(callback: (sent: SentResponse) => void): void {
    this.#callback = callback
  }

  describe(): SentResponse {
    return BareResponse.sent
  }

  end(): void {
    this.#callback?.(BareResponse.sent)
  }
}

/** In ms. */
const warmUp = 300
const measured = 700

const afterword = new Afterword()
let left = 0
let resolve = () => {}
const task = () => {
  if (--left === 0) resolve()
}

function deferInScopes({ scopes, tasksPerScope }: Case): void {
  const responses = Array.from({ length: scopes }, () => new BareResponse())
  const deferTasks = () => {
    for (let i = 0; i < tasksPerScope; i++) afterword.defer(task)
  }
  for (const response of responses) afterword.scope(response, deferTasks)
  for (const response of responses) response.end()
}

const queue = fastq.promise(async () => task(), 10)
const promises = new PQueue({ concurrency: 10 })
const callLater: Record<Exclude<Case['way'], 'defer'>, (fn: () => void) => unknown> = {
  setImmediate,
  queueMicrotask,
  fastq: () => queue.push(undefined),
  'p-queue': (fn) => promises.add(async () => fn()),
}

function schedule({ scopes, tasksPerScope }: Case, each: (fn: () => void) => unknown): void {
  for (let i = 0; i < scopes * tasksPerScope; i++) each(task)
}

/** From the first call until the last task has run; ns for each task. */
async function round(given: Case): Promise<number> {
  const tasks = given.scopes * given.tasksPerScope
  left = tasks
  const done = new Promise<void>((done) => (resolve = done))
  const start = process.hrtime.bigint()
  if (given.way === 'defer') deferInScopes(given)
  else schedule(given, callLater[given.way])
  await done
  return Number(process.hrtime.bigint() - start) / tasks
}

async function rounds(given: Case, duration: number): Promise<number> {
  const times: number[] = []
  for (const end = performance.now() + duration; performance.now() < end; ) times.push(await round(given))
  return median(times)
}

answer<Case, number>(async (given) => {
  await rounds(given, warmUp)
  return rounds(given, measured)
})
