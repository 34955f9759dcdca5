import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type AfterwordError, batch, configure, currentTask, type Job, job, subscribe } from '../../../src/index.ts'
import { name, settings, tell } from './settings.ts'

// The jobs of the chaos runs, for apps and for `afterword work`. What runs is written into the ledger: the system has each line before the
// job goes on, and keeps it whatever becomes of the process.

const ledger = openSync(join(settings.ledger, name), 'a')
const write = (...line: unknown[]) => writeSync(ledger, `${JSON.stringify(line)}\n`)
const now = () => Number(process.hrtime.bigint() / 1000n)

// A process that ends by itself says when; what it ran is over by then.
process.on('exit', () => write('exit', 0, now()))
// Whoever started it has ended.
process.on('disconnect', () => process.exit())

subscribe('report', ({ error: { code, message, cause } }) => {
  tell({ type: 'report', code, message, cause: String((cause as Error | undefined)?.stack ?? cause) })
})
subscribe('task:ended', ({ task, outcome }) => {
  // What is left to another process is kept, and is no end of the call.
  if (outcome.status !== 'cancelled' || outcome.reason === 'kept') return
  const [what] = (task as Partial<typeof task>).args ?? []
  write('cancelled', 0, now(), what, outcome.reason)
})

try {
  const { journal, sync, worker } = settings
  configure({ journal: { path: journal, sync }, worker })
} catch (error) {
  const { code, message, cause } = error as AfterwordError
  await new Promise((resolve) => {
    process.send?.({ type: 'refused', name, code, message, cause: String(cause) }, resolve)
  })
  process.exit(1)
}

let runs = 0

/** @returns what to call at the end */
function begin(what: string, id: unknown, key?: string): (isDone?: boolean) => void {
  const run = ++runs
  write('begin', run, now(), what, id, currentTask()?.attempt, key)
  return (isDone = true) => write('end', run, now(), isDone)
}

const pause = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most))

type Handler = (what: string, more: string) => unknown

/** A job that takes up to that many ms, and writes down its runs. */
function define(name: string, ms: number, options: object = {}, within: Handler = () => {}): Job<[string, string]> {
  const handler = async (what: string, more: string) => {
    const end = begin(what, currentTask()?.id, name === 'key' ? more : undefined)
    await pause(ms)
    try {
      within(what, more)
    } catch (error) {
      end(false)
      throw error
    }
    end()
  }
  return job(name, handler, { ...(!settings.keep && { keep: false }), ...options })
}

const note = define('note', 4)

/** All jobs, by the word for them in the path of a request. */
export const jobs: Readonly<Record<string, Job<[what: string, more: string]>>> = {
  note,
  /** Takes long enough to be met in its midst. */
  slow: define('slow', 250),
  /** Defers another job, which has to be kept before this one is done. */
  nest: define('nest', 4, {}, (what) => note.defer(`${what}-nested`, '')),
  /** One at a time for each key. */
  key: define('key', 8, { key: (_: string, key: string) => key }),
  /** Fails in its first attempts. */
  retry: define('retry', 4, { backoff: 50 }, (_, times) => {
    if ((currentTask()?.attempt ?? 1) <= Number(times)) throw new Error('no luck')
  }),
  limited: define('limited', 8, { concurrency: 2 }),
  rated: define('rated', 1, { rate: { runs: 200, per: 1000 } }),
}

/** One run for many responses. An item has no id of its own. */
export const track = batch(
  'track',
  async (items: string[]) => {
    const ends = items.map((what) => begin(what, what))
    await pause(4)
    for (const end of ends) end()
  },
  { size: 20, within: 50 },
)
