import { Afterword, configure, job, subscribe } from '../../../src/index.ts'
import { Inspector } from '../../../src/journal/inspector.ts'

// Fills a folder with records in all their states, or runs what is left in folders that were damaged. Told by arguments: `fill`, the
// folder, a name; or `run`, and then by messages, a folder each.
const [task = '', folder = '', name = ''] = process.argv.slice(2)

const tell = (message: object) => new Promise((resolve) => process.send?.(message, resolve))
process.on('disconnect', () => process.exit())

/** The order to run what is left in a folder. */
export interface Order {
  readonly folder: string
  /** The calls that were promised to run. */
  readonly what: readonly string[]
  /** The calls that the damaged file had: they need not run if the damage is reported. */
  readonly struck: readonly string[]
}

/** The result of an order. */
export interface Result {
  readonly type: 'ran'
  readonly folder: string
  /** The calls that did not run. */
  readonly left: readonly string[]
  /** The calls that ran. */
  readonly ran: readonly string[]
  readonly reports: readonly string[]
  /** The error with which the journal could not be opened. */
  readonly problem: string | undefined
  /** The arguments of all records that are stored still, by their state. */
  readonly listed: Readonly<Record<'failed' | 'pending', string>>
}

/** The ms without any news after which a call is taken for lost, and for one of a damaged file whose damage was reported; and the most in all. */
const patience = { silent: 30_000, reported: 400, most: 120_000 } as const

const kinds = ['deferred', 'dispatched', 'delayed', 'keyed', 'retried', 'failed'] as const

async function fill(): Promise<void> {
  configure({ journal: folder, worker: false })
  subscribe('report', () => {})
  let begun = 0
  let failed = 0
  const progress = () => void tell({ type: 'progress', begun, failed })
  const hang = job('hang', (..._args: string[]) => {
    begun++
    progress()
    return new Promise(() => {})
  })
  const retry = job(
    'retry',
    (..._args: string[]) => {
      failed++
      progress()
      throw new Error('no luck')
    },
    { backoff: 2000, retries: 50 },
  )
  const fail = job('fail', (..._args: string[]) => Promise.reject(new Error('never')), { retries: 0 })
  const accepted: Promise<unknown>[] = []
  const what: string[] = []
  const filler = '.'.repeat(200)
  for (const kind of kinds) {
    for (let n = 0; n < 8; n++) {
      const each = `${kind}-${name}${n}-`
      what.push(each)
      if (kind === 'deferred') accepted.push(hang.defer(each, filler).accepted)
      if (kind === 'dispatched') accepted.push(hang.dispatch(each, filler))
      if (kind === 'delayed') accepted.push(hang.with({ delay: 1 }).dispatch(each, filler))
      if (kind === 'keyed') accepted.push(hang.with({ key: each }).defer(each, filler).accepted)
      if (kind === 'retried') accepted.push(retry.defer(each, filler).accepted)
      if (kind === 'failed') accepted.push(fail.defer(each, filler).outcome)
    }
  }
  await Promise.all(accepted)
  await tell({ type: 'filled', what })
}

/** Runs what is left in a folder, and tells what came of it. */
async function run({ folder, what, struck }: Order): Promise<void> {
  const reports: string[] = []
  const ran = new Set<string>()
  const unsubscribe = subscribe('report', ({ error: { code, message } }) => {
    reports.push(`${code} ${message}`)
    news()
  })
  const open = new Set(what)
  const isStruck = new Set(struck)
  const over = Promise.withResolvers<void>()
  // A report that comes again and again is none.
  const last = setTimeout(over.resolve, patience.most)
  let timer: NodeJS.Timeout | undefined
  const news = () => {
    clearTimeout(timer)
    if (open.size === 0) return over.resolve()
    const isReported = reports.length > 0 && [...open].every((what) => isStruck.has(what))
    timer = isReported ? setTimeout(endUnlessPending, patience.reported) : setTimeout(over.resolve, patience.silent)
  }
  /** Ends the order unless calls are pending, which may still run: a suspect waits for its trial. */
  const endUnlessPending = async () => {
    timer = undefined
    const pending = await listed('pending')
    if (![...open].some((what) => pending.includes(what))) over.resolve()
    else timer ??= setTimeout(over.resolve, patience.silent)
  }
  /** The arguments of all records of a state. */
  const listed = async (state: 'failed' | 'pending') => {
    await using inspector = new Inspector(folder)
    let all = ''
    for await (const page of inspector.records({ state })) all += page.map(({ args }) => args).join('\n')
    return all
  }
  let problem: string | undefined
  const stored = { failed: '', pending: '' }
  try {
    const afterword = new Afterword({ journal: folder, shutdownTimeout: 1000 })
    for (const name of ['hang', 'retry', 'fail']) {
      afterword.job(name, (what: string) => {
        ran.add(what)
        open.delete(what)
        news()
      })
    }
    news()
    await over.promise
    await afterword.close()
    for (const state of ['failed', 'pending'] as const) stored[state] = await listed(state)
  } catch (error) {
    problem = String((error as Error).stack)
  }
  clearTimeout(timer)
  clearTimeout(last)
  unsubscribe()
  await tell({ type: 'ran', folder, left: [...open], ran: [...ran], reports, problem, listed: stored } satisfies Result)
}

if (task === 'fill') await fill()
else {
  process.on('message', (order: Order) => void run(order))
  await tell({ type: 'ready' })
}
