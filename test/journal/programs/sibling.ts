import { readdirSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import {
  type AfterwordOptions,
  type CallOptions,
  configure,
  currentTask,
  instance,
  type JobOptions,
  job,
  subscribe,
  type Worker,
  type WorkOptions,
} from '../../../src/index.ts'

// A process on a folder that it shares with others, told by messages what to call. It tells what it runs.

export interface SiblingSettings {
  readonly name?: string
  readonly options?: Omit<AfterwordOptions, 'journal'>
  /** The jobs that it knows, of those below. @default all */
  readonly knows?: readonly string[]
  /** The options of its jobs. */
  readonly version?: number
  /** Stored arguments of an earlier version get that version behind them. */
  readonly upgrades?: boolean
  readonly key?: string
  /** The limits of some of its jobs. */
  readonly limits?: Record<
    string,
    Pick<JobOptions, 'concurrency' | 'rate' | 'uniqueFor' | 'debounce'> & { key?: string }
  >
  /** The jobs whose second argument is the lane of the call. */
  readonly lanes?: readonly string[]
}

export type ToSibling =
  | { type: 'call'; call: number; how: 'defer' | 'dispatch'; job: string; args: unknown[]; with: CallOptions }
  | { type: 'let'; what: string }
  | { type: 'cancel'; call: number }
  | { type: 'withdraw'; what: string; job?: string | undefined }
  | { type: 'pause'; job: string; isPaused: boolean }
  | { type: 'work'; options: WorkOptions }
  | { type: 'stop' }
  | { type: 'close'; stays?: boolean }
  | { type: 'leave' }
  | { type: 'copy'; to: string }
  | { type: 'look' }

const [folder = '', json = '{}'] = process.argv.slice(2)
const { name, options, knows, version = 1, upgrades = false, key, limits, lanes }: SiblingSettings = JSON.parse(json)
const tell = (message: object) => process.send?.(message)

// On a busy machine any task is slow.
subscribe(
  'report',
  ({ error: { code, message } }) => code !== 'AFTERWORD_SLOW_TASK' && tell({ type: 'report', code, message }),
)
configure({ journal: folder, shutdownTimeout: 1, ...options })

const hanging = new Map<string, () => void>()
const ran = (what: string, ...rest: unknown[]) => {
  const { name: job, id, attempt } = currentTask() ?? {}
  tell({ type: 'ran', what, rest, job, id, attempt, by: name })
}
const handlers: Record<string, (what: string, ...rest: unknown[]) => unknown> = {
  note: ran,
  other: ran,
  /** Until it is let go. */
  hang(what, ...rest) {
    ran(what, ...rest)
    return new Promise<void>((resolve) => hanging.set(what, resolve))
  },
  /** Runs a number of times, each when the test lets it. */
  async fail(what, times) {
    ran(what)
    await new Promise<void>((resolve) => hanging.set(what, resolve))
    if ((currentTask()?.attempt ?? 0) <= Number(times)) throw new Error('no luck')
  },
  /** Takes its time, in ms, and tells when it has ended. */
  async linger(what, ms) {
    ran(what)
    await new Promise((resolve) => setTimeout(resolve, Number(ms)))
    tell({ type: 'ended', what })
  },
  /** Ends its process after a time, in ms. */
  abort(what, ms) {
    ran(what)
    return new Promise(() => setTimeout(() => process.abort(), Number(ms)))
  },
  /** Ends its process. */
  kill(what) {
    ran(what)
    // Not before the message has left.
    return new Promise(() => setImmediate(() => process.kill(process.pid, 'SIGKILL')))
  },
}
const upgrade = (args: unknown[], from: number) => [...args, `of version ${from}`]
const jobs = Object.fromEntries(
  Object.entries(handlers)
    .filter(([name]) => knows?.includes(name) ?? true)
    .map(([name, handler]) => {
      const more = {
        ...(upgrades && { upgrade: upgrade as never }),
        ...(key !== undefined && { key }),
        ...limits?.[name],
        ...(lanes?.includes(name) && { lane: (_what: string, lane: unknown) => String(lane) }),
      }
      return [
        name,
        job(name, handler, { version, backoff: 0, ...more } as JobOptions<[what: string, ...rest: unknown[]]>),
      ]
    }),
)

const calls = new Map<number, { cancel(): boolean }>()
let worker: Worker | undefined

async function call({ call, how, job, args, with: bound }: ToSibling & { type: 'call' }): Promise<void> {
  try {
    const bind = jobs[job]?.with(bound)
    if (bind === undefined) throw new Error(`There is no job ${job} here`)
    if (how === 'dispatch') return void tell({ type: 'answer', call, id: await bind.dispatch(...(args as [string])) })
    const task = bind.defer(...(args as [string]))
    calls.set(call, task)
    void task.outcome.then((outcome) => tell({ type: 'outcome', call, ...outcome, error: undefined }))
    await task.accepted
    tell({ type: 'answer', call, id: task.id })
  } catch (error) {
    tell({ type: 'answer', call, code: (error as { code?: string }).code, message: (error as Error).message })
  }
}

/** Reads the files of the folder by another SQLite library than that of the journal. */
function lookIntoFiles(): void {
  for (const name of readdirSync(folder).filter((name) => /\.(db|lock)$/.test(name))) {
    const database = new BetterSqlite3(join(folder, name), { timeout: 0 })
    try {
      database.prepare('SELECT count(*) FROM sqlite_master').get()
    } catch {
      // The lock of another process.
    }
    database.close()
  }
}

async function withdraw({ what, job }: ToSibling & { type: 'withdraw' }): Promise<void> {
  try {
    const done = await (job === undefined ? instance().cancel(what) : jobs[job]?.cancel({ key: what }))
    tell({ type: 'withdrawn', what, done })
  } catch (error) {
    tell({ type: 'withdrawn', what, code: (error as { code?: string }).code })
  }
}

async function receive(message: ToSibling): Promise<void> {
  switch (message.type) {
    case 'call':
      return call(message)
    case 'let':
      return hanging.get(message.what)?.()
    case 'cancel':
      return void tell({ type: 'cancelled', call: message.call, done: calls.get(message.call)?.cancel() })
    case 'pause':
      await (message.isPaused ? jobs[message.job]?.pause() : jobs[message.job]?.resume())
      return void tell({ type: 'pause stored', job: message.job, isPaused: message.isPaused })
    case 'withdraw':
      return withdraw(message)
    case 'work':
      worker = instance().work(message.options)
      return void tell({ type: 'working' })
    case 'stop':
      return worker?.stop()
    case 'close':
      await instance().close()
      tell({ type: 'closed' })
      return message.stays ? undefined : process.disconnect()
    case 'copy':
      // A file may be deleted while it is copied.
      await cp(folder, message.to, { recursive: true }).catch(() => {})
      return void tell({ type: 'copied', to: message.to })
    case 'look':
      lookIntoFiles()
      return void tell({ type: 'looked' })
    case 'leave':
      // The test does not hold it any more.
      return process.channel?.unref()
  }
}

process.on('message', (message: ToSibling) => void receive(message))
tell({ type: 'ready' })
// Whatever becomes of this process, the next one need not compile again.
flushCompileCache()
