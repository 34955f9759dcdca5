import { AfterwordError } from './errors.ts'
import { channels, print, report } from './events.ts'
import type { DrainReport, Scheduler } from './schedule/scheduler.ts'
import type { Task } from './task/task.ts'

/** Something that takes requests in and can be told to stop, such as a server. Given by an adapter. */
export interface Intake {
  /** Takes no further request; resolves when those in flight have ended. */
  stop(): Promise<void>
  /** Breaks off what is still in flight. */
  abort(): void
}

/** By convention a process that a signal ended exits with 128 and the signal's number. */
const signals = { SIGTERM: 128 + 15, SIGINT: 128 + 2 } as const
type Signal = keyof typeof signals

/** What the requests in flight may take of `shutdownTimeout`; the rest belongs to their tasks. */
const requestShare = 0.75
/** How long `onShutdown` functions have at least, in ms, even when the tasks used up the time. */
const leastForFunctions = 1000

/** So many unfinished tasks are listed one by one. */
const mostTitles = 100

/** The instances that a signal ends: the last one to have ended exits, for all of them. */
const ending = new Set<Shutdown>()
let exitCode = 0

/** Ends an instance: requests in flight finish, then tasks, then the `onShutdown` functions. */
export class Shutdown {
  readonly #scheduler: Scheduler
  readonly #intakes = new Set<Intake>()
  #functions: (() => unknown)[] = []
  #called: Promise<void> = Promise.resolve()
  #listening = false
  #signalled = false

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    process.on('exit', this.nameUnfinished)
  }

  /** From now on a signal stops this intake first. Returns the way to take it back. */
  add(intake: Intake): () => void {
    this.#intakes.add(intake)
    if (this.#scheduler.settings.signals) this.#listen()
    return () => void this.#intakes.delete(intake)
  }

  addFunction(fn: () => unknown): void {
    this.#functions.push(fn)
  }

  /** Drains and runs the `onShutdown` functions, in order, each once. */
  async run(stopIntakes: boolean): Promise<DrainReport> {
    const timeout = this.#scheduler.settings.shutdownTimeout
    const deadline = performance.now() + timeout
    if (stopIntakes) await this.#stopIntakes(timeout * requestShare)
    this.#scheduler.completion.ending = true
    this.#scheduler.journal?.stopClaiming()
    const drained = await this.#scheduler.drain(Math.max(0, deadline - performance.now()))
    const { journal } = this.#scheduler
    // The functions may close the database that it is in.
    if (journal !== undefined) await within(Math.max(0, deadline - performance.now()), journal.flushed())
    const functions = this.#functions
    this.#functions = []
    // Also those that a shutdown at the same time, a framework's own, has begun to call.
    this.#called = this.#called.then(() => callInOrder(functions))
    await within(Math.max(leastForFunctions, deadline - performance.now()), this.#called)
    this.#scheduler.completion.leave()
    await this.#scheduler.journal?.close()
    return drained
  }

  /** Stops listening to the process. */
  dispose(): void {
    process.off('exit', this.nameUnfinished)
    for (const signal of Object.keys(signals)) process.off(signal, this.#onSignal)
    this.#listening = false
  }

  #listen(): void {
    if (this.#listening) return
    this.#listening = true
    for (const signal of Object.keys(signals)) process.on(signal, this.#onSignal)
  }

  // However the process ends, by a signal, process.exit or an error, what it leaves undone is named.
  readonly nameUnfinished = (): void => {
    // What is stored will run in another process.
    const tasks = [...this.#scheduler.backlog.tasks()].filter(({ record }) => !record?.isAccepted)
    if (tasks.length === 0) return
    const error = new AfterwordError('AFTERWORD_UNFINISHED', [listOf(tasks)])
    // Also where somebody listens: what a listener hands on asynchronously is lost with the process.
    if (channels.report.hasSubscribers) report(error)
    print(error)
  }

  readonly #onSignal = (signal: Signal): void => {
    if (this.#signalled) process.exit(signals[signal])
    this.#signalled = true
    ending.add(this)
    void this.run(true).then(({ left }) => {
      ending.delete(this)
      if (!left.every(({ kept }) => kept)) exitCode = 1
      if (ending.size === 0) process.exit(exitCode)
    })
  }

  async #stopIntakes(timeout: number): Promise<void> {
    const stopped = Promise.all(Array.from(this.#intakes, (intake) => intake.stop()))
    if (await within(timeout, stopped)) return
    for (const intake of this.#intakes) intake.abort()
    await within(leastForFunctions, stopped)
  }
}

/** Every task by name; those past the first hundred without their ids, and those of one name together. */
function listOf(tasks: readonly Task[]): string {
  const more = new Map<string, number>()
  for (const { name } of tasks.slice(mostTitles)) more.set(name, (more.get(name) ?? 0) + 1)
  const titles = tasks.slice(0, mostTitles).map(({ title }) => title)
  return [...titles, ...Array.from(more, ([name, count]) => `${count} more of "${name}"`)].join(', ')
}

async function callInOrder(functions: readonly (() => unknown)[]): Promise<void> {
  for (const fn of functions) {
    try {
      await fn()
    } catch (cause) {
      report(new AfterwordError('AFTERWORD_CALLBACK_FAILED', ['onShutdown'], { cause }))
    }
  }
}

/** True if the promise resolved in time. */
function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, false)
    void promise.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
