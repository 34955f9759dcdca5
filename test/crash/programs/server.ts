import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { type AfterwordError, configure, currentTask, instance, type Job, job, subscribe } from '../../../src/index.ts'

// A server that keeps a job for each answer: `/note/17` defers the job `note`, `/note/17?delay=0` dispatches it, `/note/17?key` defers it
// with a unique key, `/note/17?late` after the response was ended. It writes down what runs, by a clock that all processes of a machine have in common, and nobody can set.
const { journal, sync, ledger } = JSON.parse(String(process.argv[2])) as Record<'journal' | 'sync' | 'ledger', string>

try {
  const holdTimeout = Number(process.env.HOLD ?? 10_000)
  configure({
    journal: { path: journal, sync: sync === 'full' ? 'full' : 'normal', required: process.env.REQUIRED !== 'false' },
    holdTimeout,
    shutdownTimeout: 2000,
  })
} catch (error) {
  const { code, message, cause } = error as AfterwordError
  await new Promise((resolve) => process.send?.({ type: 'refused', code, message, cause: String(cause) }, resolve))
  process.exit(1)
}
subscribe('report', ({ error: { code, message, cause } }) => {
  process.send?.({ type: 'report', code, message, cause: String((cause as Error | undefined)?.stack) })
})

subscribe('task:retrying', () => process.send?.({ type: 'retrying' }))

const nestedIn = (what: string) => `${what}-nested`
let runs = 0
const write = (...line: unknown[]) => appendFileSync(ledger, `${JSON.stringify(line)}\n`)
const now = () => Number(process.hrtime.bigint() / 1000n)

/** @returns what to call at the end */
function begin(what: string): () => void {
  const run = ++runs
  write('begin', run, now(), what, currentTask()?.id, currentTask()?.attempt)
  return () => write('end', run, now())
}

const released = Promise.withResolvers<void>()
const define = (name: string, handler: (what: string, filler: string) => Promise<void>) =>
  job(name, handler, { backoff: Number(process.env.BACKOFF ?? 2000) })
const jobs: Readonly<Record<string, Job<[what: string, filler: string]>>> = {
  note: define('note', async (what) => {
    const end = begin(what)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
    end()
  }),
  /** Defers another job. */
  nest: define('nest', async (what) => {
    const end = begin(what)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
    jobs.note?.defer(nestedIn(what), '')
    end()
  }),
  /** Ends when the program is told so. */
  wait: define('wait', async (what) => {
    const end = begin(what)
    await released.promise
    end()
  }),
  /** Fails the first time. */
  retry: define('retry', async (what) => {
    const end = begin(what)
    if (currentTask()?.attempt === 1) throw new Error('no luck')
    end()
  }),
}

const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(String(req.url), 'http://localhost')
  const [, name = '', what = ''] = pathname.split('/')
  const delay = searchParams.get('delay')
  const filler = ' '.repeat(Number(searchParams.get('size')))
  try {
    if (searchParams.has('late')) {
      res.end(`kept ${what}`)
      jobs[name]?.defer(what, filler)
    } else if (searchParams.has('key')) jobs[name]?.with({ key: what }).defer(what, filler)
    else if (delay === null) jobs[name]?.defer(what, filler)
    else await jobs[name]?.with({ delay: Number(delay) }).dispatch(what, filler)
  } catch {
    res.statusCode = 503
  }
  if (!res.writableEnded) res.end(`kept ${what}`)
})
attach(server)
server.listen(0, '127.0.0.1', () => {
  process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port, pid: process.pid })
})

process.on('message', async ({ type }: { type: 'release' | 'close' }) => {
  if (type === 'release') return released.resolve()
  await instance().close()
  await new Promise((resolve) => process.send?.({ type: 'ended' }, resolve))
  process.exit()
})
// Whoever started it has ended.
process.on('disconnect', () => process.exit())
