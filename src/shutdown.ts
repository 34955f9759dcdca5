import { AfterwordError } from './errors.ts'
import { isHeard, print, report } from './events.ts'
import type { Registry } from './jobs/registry.ts'
import { isolatesRequests } from './platform.ts'
import { type DrainReport, drain } from './schedule/drain.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import type { Task } from './task/task.ts'
import { within } from './timers.ts'

/** An intake takes requests in and can be told to stop, as a server can. An adapter adds it. */
export interface Intake {
  /** Takes no further request; resolves when the requests in flight have ended. */
  stop(): Promise<void>
  /** Breaks off the requests in flight. */
  abort(): void
}

/** The exit codes of signals: by convention 128 and the signal's number. */
const signals = { SIGTERM: 128 + 15, SIGINT: 128 + 2 } as const
type Signal = keyof typeof signals

/** The share of `shutdownTimeout` that the requests in flight may take; the rest belongs to their tasks. */
const requestShare = 0.75
/** The time in ms that `onShutdown` functions have at least, even when the tasks used up all of it. */
const leastForFunctions = 1000

/** The number of unfinished tasks that are listed one by one. */
const mostTitles = 100

/** The instances that a signal ends: the last one to end exits the process for all of them. */
const ending = new Set<Shutdown>()
let exitCode = 0

/** The shutdown ends an instance: requests in flight finish, then tasks, then the `onShutdown` functions. */
export class Shutdown {
  readonly #scheduler: Scheduler
  readonly #registry: Registry
  readonly #intakes = new Set<Intake>()
  #functions: (() => unknown)[] = []
  #called: Promise<void> = Promise.resolve()
  #listening = false
  #signalled = false

  constructor(scheduler: Scheduler, registry: Registry) {
    this.#scheduler = scheduler
    this.#registry = registry
    // No process of ours ends where requests are isolated, and `process` has no events there before a date of compatibility.
    if (!isolatesRequests) process.on('exit', this.nameUnfinished)
  }

  /** Adds an intake, which a signal stops first. @returns a function that removes the intake */
  add(intake: Intake): () => void {
    this.#intakes.add(intake)
    if (this.#scheduler.settings.signals) this.#listen()
    return () => void this.#intakes.delete(intake)
  }

  addFunction(fn: () => unknown): void {
    this.#functions.push(fn)
  }

  /** Ends the instance: intakes if they are to stop, tasks, `onShutdown` functions, journal, in this order. */
  async run(stopIntakes: boolean): Promise<DrainReport> {
    const { settings, lifecycle, completion } = this.#scheduler
    const deadline = performance.now() + settings.shutdownTimeout
    const timeLeft = () => Math.max(0, deadline - performance.now())
    this.#registry.journal?.expectEnd()
    if (stopIntakes) await this.#stopIntakes(settings.shutdownTimeout * requestShare)

    lifecycle.advance('draining')
    completion.unloadRetries()
    this.#registry.journal?.stopClaiming()
    completion.handBackClaims()
    const drained = await drain(this.#scheduler, timeLeft())
    // The functions may close the database that the journal is in.
    const flushed = this.#registry.journal?.flushed()
    if (flushed !== undefined) await within(timeLeft(), flushed)
    await within(Math.max(leastForFunctions, timeLeft()), this.#callFunctions())

    lifecycle.advance('stopping')
    completion.unloadWaiting()
    await this.#registry.journal?.close(timeLeft(), completion.runningRecords)
    return drained
  }

  /** Calls each function once. A shutdown at the same time, a framework's own, may have begun to call some: those end first. */
  #callFunctions(): Promise<void> {
    const functions = this.#functions
    this.#functions = []
    this.#called = this.#called.then(() => callInOrder(functions))
    return this.#called
  }

  /** Stops listening to the process. */
  dispose(): void {
    if (isolatesRequests) return
    process.off('exit', this.nameUnfinished)
    for (const signal of Object.keys(signals)) process.off(signal, this.#onSignal)
    this.#listening = false
  }

  #listen(): void {
    if (this.#listening) return
    this.#listening = true
    for (const signal of Object.keys(signals)) process.on(signal, this.#onSignal)
  }

  /** Names the tasks that are left when the process ends, be it by a signal, `process.exit` or an error. */
  readonly nameUnfinished = (): void => {
    // A stored task will run in another process.
    const tasks = [...this.#scheduler.backlog.tasks()].filter(({ record }) => !record?.isAccepted)
    if (tasks.length === 0) return
    const error = new AfterwordError('AFTERWORD_UNFINISHED', [listOf(tasks)])
    // Listeners get the report, and stderr as well: a report that a listener hands on asynchronously is lost with the process.
    if (isHeard('report')) report(error)
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

/** Lists every task by name; past the first hundred without ids, and tasks of one name together. */
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
