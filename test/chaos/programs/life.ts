import { openSync, writeSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { attach } from '../../../src/adapters/node-http.ts'
import { Afterword, configure, instance, subscribe } from '../../../src/index.ts'

// The whole life of a process on a journal, after a script: it starts, takes over what others have left, answers requests of its own, and
// closes. Or it runs what is left in folders. What was answered, ran and was reported is written down outside of the journal: the system has
// each line before the process goes on.

/** The order of a life. */
export interface LifeOrder {
  readonly name: string
  readonly journal: string
  /** The folder of what is written down. */
  readonly notes: string
  readonly sync: 'normal' | 'full'
  /** `'leave'`: jobs hang, fail and wait for their retry, until the process is killed. */
  readonly script: keyof typeof scripts | 'leave'
  /** Calls of earlier processes that the process waits for before it closes. */
  readonly left: readonly string[]
}

/** The order to run what is left in a folder. */
export interface RestOrder extends Pick<LifeOrder, 'name' | 'journal' | 'notes' | 'sync'> {
  /** The calls that have to run. */
  readonly what: readonly string[]
  /** The time in ms without any news after which a call is taken for lost. */
  readonly patience: number
}

/** The records that are left at last. */
export interface Rest {
  readonly type: 'rest'
  readonly journal: string
  /** The calls that are listed as failed, by their first arguments, each with its reason. */
  readonly failed: readonly (readonly [what: string, reason: string])[]
  /** The calls that wait still. */
  readonly pending: readonly string[]
  /** The error with which the journal could not be opened. */
  readonly problem: string | undefined
}

/** Five of them fill a segment of the log. */
const filler = '.'.repeat(200_000)
/** The time in ms for which a life waits for what it was answered. */
const patience = 4000
const now = () => Number(process.hrtime.bigint() / 1000n)
const tell = (message: object) =>
  new Promise<unknown>((resolve) => (process.connected ? process.send?.(message, resolve) : resolve(undefined)))
process.on('disconnect', () => process.exit())

type Line = (...line: unknown[]) => void
type News = (what: string, isDone: boolean) => void
type Jobs = ReturnType<typeof define>

/** @returns a function that appends lines to a file of what is written down */
function notes(folder: string, name: string): Line {
  const file = openSync(join(folder, name), 'a')
  return (...line) => void writeSync(file, `${JSON.stringify(line)}\n`)
}

let runs = 0

/** Defines the jobs. @param news called when a run begins, and when it has done its work @param hangs the jobs do not end */
function define(afterword: Afterword, write: Line, news: News, hangs = false) {
  const currentTask = () => afterword.currentTask()
  const run = async (what: string, within: () => unknown = () => {}, id = currentTask()?.id) => {
    const run = ++runs
    write('begin', run, now(), what, id, currentTask()?.attempt)
    news(what, false)
    if (hangs) await new Promise(() => {})
    try {
      within()
    } catch (error) {
      write('end', run, now(), false)
      throw error
    }
    write('end', run, now())
    news(what, true)
  }
  type Args = [what: string, filler: string]
  const note = afterword.job('note', (...[what]: Args) => run(what))
  return {
    run,
    note,
    nest: afterword.job('nest', (...[what]: Args) => run(what, () => note.defer(`${what}-nested`, ''))),
    key: afterword.job('key', (...[what]: Args) => run(what)),
    retry: afterword.job(
      'retry',
      (...[what]: Args) => {
        return run(what, () => {
          if (currentTask()?.attempt === 1) throw new Error('no luck')
        })
      },
      { backoff: 20 },
    ),
    fail: afterword.job(
      'fail',
      (what: string, _filler: string) => {
        news(what, true)
        throw new Error('never')
      },
      { retries: 0 },
    ),
    // An item has no id of its own.
    track: afterword.batch(
      'track',
      (items: string[]) => Promise.all(items.map((what) => run(what, undefined, what))).then(() => {}),
      {
        size: 4,
        within: 10,
      },
    ),
  }
}

/** The kinds of calls, by their ways. */
const ways: Readonly<Record<string, (jobs: Jobs, what: string) => unknown>> = {
  note: ({ note }, what) => note.defer(what, ''),
  big: ({ note }, what) => note.defer(what, filler),
  nest: ({ nest }, what) => nest.defer(what, ''),
  key: ({ key }, what) => key.with({ key: what }).defer(what, ''),
  dispatched: ({ note }, what) => note.dispatch(what, ''),
  delayed: ({ nest }, what) => nest.with({ delay: 15 }).dispatch(what, ''),
  retry: ({ retry }, what) => retry.defer(what, ''),
  again: ({ retry }, what) => retry.dispatch(what, ''),
  fail: ({ fail }, what) => fail.defer(what, ''),
  track: ({ track }, what) => track.defer(what),
}

/** The calls of a life, in order: those of a list are asked for at once. */
const scripts = {
  life: [['note', 'nest', 'key', 'track'], ['dispatched'], ['delayed', 'retry', 'track'], ['fail', 'again'], ['late']],
  /** Takes over what others have left. */
  adopt: [['note', 'nest'], ['delayed']],
  /** Records that wait in more segments than the log may have: they are moved to a database. */
  moving: [['note'], ...Array.from({ length: 19 }, () => ['held', 'big', 'big', 'big', 'big', 'big']), ['nest']],
} as const

async function live({ name, journal, notes: folder, sync, script, left }: LifeOrder): Promise<void> {
  const write = notes(join(folder, 'ledger'), name)
  const say = notes(folder, `said-${name}`)
  subscribe('report', ({ error: { code, message, cause } }) => say('report', code, message, String(cause)))
  subscribe('task:ended', ({ task, outcome }) => {
    if (outcome.status !== 'cancelled' || outcome.reason === 'kept') return
    write('cancelled', 0, now(), (task as Partial<typeof task>).args?.[0], outcome.reason)
  })
  const owed = new Set(left)
  const done = new Set<string>()
  let begun = 0
  let wake = () => {}
  const news: News = (what, isDone) => {
    if (isDone) done.add(what)
    else begun++
    wake()
  }
  try {
    configure({ journal: { path: journal, sync }, shutdownTimeout: 2000, signals: false })
  } catch (error) {
    const { code, message, cause } = error as Error & { code?: string }
    say('refused', code, message, String(cause))
    return
  }
  const afterword = instance()
  const jobs = define(afterword, write, news, script === 'leave')
  if (script === 'leave') {
    const whats = Object.keys(ways).map((way) => `${way}-${name}`)
    await Promise.all(Object.values(ways).map((call, i) => accepted(call(jobs, whats[i] as string))))
    // All but the one that fails, and the one that begins only when another one has ended.
    while (begun < whats.length - 1 || !done.has(`fail-${name}`)) await new Promise<void>((resolve) => (wake = resolve))
    return void (await tell({ type: 'left', what: whats }))
  }

  const released = Promise.withResolvers<void>()
  const held = afterword.job('held', (what: string) => released.promise.then(() => jobs.run(what)))
  const server = createServer(async (req, res) => {
    const [, way = '', what = ''] = String(req.url).split('/')
    try {
      if (way === 'late') {
        res.end(what)
        jobs.note.defer(what, '')
      } else if (way === 'held') held.defer(what)
      else await ways[way]?.(jobs, what)
    } catch {
      res.statusCode = 503
    }
    if (!res.writableEnded) res.end(what)
  })
  attach(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const [step, list] of scripts[script].entries()) {
    const asked = list.map(async (way, place) => {
      const what = `${way}-${name}-${step}.${place}`
      const status = await ask(port, `/${way}/${what}`)
      if (status !== undefined) say('answered', what, status)
      if (status === 200) owed.add(what)
    })
    await Promise.all(asked)
  }
  released.resolve()
  // For a time only: a disk that fails may leave calls to the next process.
  const over = AbortSignal.timeout(patience)
  over.addEventListener('abort', () => wake())
  while (!over.aborted && [...owed].some((what) => !done.has(what))) {
    await new Promise<void>((resolve) => (wake = resolve))
  }
  server.close()
  server.closeAllConnections()
  await afterword.close()
  say('closed')
}

/** Resolves with the status of an answer, `undefined` if there was none, or not all of it. */
function ask(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    request({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      response.on('error', () => resolve(undefined)).resume()
      response.on('close', () => resolve(response.complete ? response.statusCode : undefined))
    })
      .on('error', () => resolve(undefined))
      .end()
  })
}

/** Resolves when a call is accepted. */
async function accepted(call: unknown): Promise<void> {
  await ((call as Partial<{ accepted: Promise<void> }>).accepted ?? call)
}

/** Runs what is left in a folder, and lists what is left then. */
async function rest({ name, journal, notes: folder, sync, what, patience }: RestOrder): Promise<Rest> {
  const write = notes(join(folder, 'ledger'), name)
  const open = new Set(what)
  const over = Promise.withResolvers<void>()
  let timer = setTimeout(over.resolve, patience)
  const news: News = (what, isDone) => {
    if (isDone) open.delete(what)
    clearTimeout(timer)
    if (open.size === 0) over.resolve()
    else timer = setTimeout(over.resolve, patience)
  }
  const failed: [string, string][] = []
  const pending: string[] = []
  let problem: string | undefined
  try {
    const afterword = new Afterword({ journal: { path: journal, sync }, shutdownTimeout: 2000 })
    const { run } = define(afterword, write, news)
    afterword.job('held', (what: string) => run(what))
    if (open.size > 0) await over.promise
    await afterword.close()
    // An earlier release, which only leaves calls, may have none.
    const { Inspector } = await import('../../../src/journal/inspector.ts')
    await using inspector = new Inspector(journal)
    for await (const page of inspector.records({ state: 'failed' })) {
      for (const { args, reason } of page) failed.push([nameIn(args), String(reason)])
    }
    for await (const page of inspector.records({ state: 'pending' }))
      pending.push(...page.map(({ args }) => nameIn(args)))
  } catch (error) {
    problem = String((error as Error).stack)
  }
  clearTimeout(timer)
  return { type: 'rest', journal, failed, pending, problem }
}

/** The first argument of a record that is listed. */
const nameIn = (args: unknown) => /[a-z]+-[\w.-]+/.exec(String(args))?.[0] ?? String(args)

const order = process.argv[2]
if (order === undefined) {
  // The reports of all its folders.
  subscribe('report', ({ error: { code, message, cause } }) => {
    void tell({ type: 'report', code, message, cause: String(cause) })
  })
  process.on('message', async (order: RestOrder) => void (await tell(await rest(order))))
} else {
  await live(JSON.parse(order))
  process.disconnect?.()
}
