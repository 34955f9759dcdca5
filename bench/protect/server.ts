import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answer } from '../program.ts'
import type { Work } from './load.ts'

/** The numbers that the server tells when it is asked. */
export interface Progress {
  readonly port: number
  /** Tasks that have run since it was last asked. */
  readonly done: number
  /** For how long a task has waited, at most, in ms; where the way of deferring can tell. */
  readonly oldest: number
}

let done = 0
let oldest = 0

/** The work of a task: it keeps the thread. */
function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
  done++
}

type Schedule = (ms: number, res: import('node:http').ServerResponse) => void

/** Ways to do something after the response. Loaded as an application would: nothing that the variant does not use. */
const ways: Record<string, () => Promise<Schedule>> = {
  none: async () => () => {},
  immediate: async () => (ms) => void setImmediate(spin, ms),
  finish: async () => (ms, res) => void res.setMaxListeners(0).on('finish', () => spin(ms)),
  fastq: async () => {
    const { default: fastq } = await import('fastq')
    const queue = fastq.promise(async (ms: number) => spin(ms), 10)
    return (ms) => void queue.push(ms)
  },
  'p-queue': async () => {
    const { default: PQueue } = await import('p-queue')
    const queue = new PQueue({ concurrency: 10 })
    return (ms) => void queue.add(async () => spin(ms))
  },
  afterword: async () => {
    const { defer, instance } = await import('afterword')
    watch(() => instance().status().oldestAge)
    return (ms) => void defer(spin, ms)
  },
  thread: async () => {
    const { instance, job } = await import('afterword')
    watch(() => instance().status().oldestAge)
    const Spin = job<(ms: number) => void>('spin', { thread: new URL('spin.ts', import.meta.url) })
    return (ms) => void Spin.defer(ms).outcome.then(() => done++)
  },
}

function watch(age: () => number): void {
  setInterval(() => (oldest = Math.max(oldest, age())), 20).unref()
}

const way = process.argv[2] ?? ''
const schedule = await ways[way]?.()
if (schedule === undefined) throw new Error(`Unknown way "${way}"`)
const server = createServer((req, res) => {
  const [, tasks = 0, ms = 0] = (req.url ?? '').split('/').map(Number)
  for (let task = 0; task < tasks; task++) schedule(ms, res)
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
})
if (way === 'afterword' || way === 'thread') {
  const { attach } = await import('afterword/node-http')
  attach(server)
}
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

answer<Work | undefined, Progress>(() => {
  const progress = { port: (server.address() as AddressInfo).port, done, oldest }
  done = oldest = 0
  return progress
})
