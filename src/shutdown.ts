import { clock } from './clock.ts'
import type { Ending } from './ending/ending.ts'
import { processEnd } from './ending/process-end.ts'
import { AfterwordError, describe } from './errors.ts'
import { isHeard, print, report } from './events.ts'
import type { Registry } from './jobs/registry.ts'
import { lostThis } from './lost-this.ts'
import { type DrainReport, drain } from './schedule/drain.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import type { Task } from './task/task.ts'
import { within } from './timers.ts'

/**
 * An intake takes requests in and can be told to stop, as a server can. An adapter adds it.
 *
 * @example
 * instance().addIntake({ stop: () => consumer.pause(), abort: () => consumer.disconnect() })
 */
export interface Intake {
  /** Takes no further request; resolves when the requests in flight have ended. */
  stop(): Promise<void>
  /** Breaks off the requests in flight. */
  abort(): void
}

/** The share of `shutdownTimeout` that the requests in flight may take; the rest belongs to their tasks. */
const requestShare = 0.75
/** The time in ms that `onShutdown` functions have at least, even when the tasks used up all of it. */
const leastForFunctions = 1000

/** The number of unfinished tasks that are listed one by one. */
const mostTitles = 100
/** The most names in a line on a terminal. */
const mostNames = 5

/** The stages of an end that may take their time, by what they wait for. */
const stages = { requests: 'open requests', functions: 'onShutdown functions', journal: 'the journal' } as const

/** The shutdown ends an instance: requests in flight finish, then tasks, then the `onShutdown` functions. */
export class Shutdown implements Ending {
  readonly #scheduler: Scheduler
  readonly #registry: Registry
  readonly #process = processEnd()
  readonly #intakes = new Set<Intake>()
  #functions: (() => unknown)[] = []
  #run: Promise<DrainReport> | undefined
  #stage: keyof typeof stages | 'tasks' | undefined
  #expectsRequests = false
  #listens = false

  constructor(scheduler: Scheduler, registry: Registry) {
    this.#scheduler = scheduler
    this.#registry = registry
  }

  /** The instance is in use: from now on it may have tasks. */
  start(): void {
    this.#process?.addWitness(this)
    this.listen()
  }

  /** Takes part in the end of the process from now on, if the settings are so. */
  listen(): void {
    this.#listens = this.#process !== undefined && this.#scheduler.settings.signals
    if (this.#listens) this.#process?.add(this)
    else this.#process?.remove(this)
  }

  /** A signal ends the instance. */
  get listens(): boolean {
    return this.#listens
  }

  /** Requests will come: a signal ends the instance also before the first one. */
  expectRequests(): void {
    this.#expectsRequests = true
    this.listen()
  }

  /** Adds an intake, which a signal stops first. @returns a function that removes the intake */
  add(intake: Intake): () => void {
    this.#intakes.add(intake)
    this.listen()
    return () => void this.#intakes.delete(intake)
  }

  /** @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION` */
  addFunction(fn: () => unknown): void {
    if (typeof fn !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['onShutdown', describe(fn)])
    this.#functions.push(fn)
    this.listen()
  }

  get isNeeded(): boolean {
    const { waiting, running } = this.#scheduler.backlog
    return this.serves || this.#registry.journal !== undefined || waiting + running > 0
  }

  get serves(): boolean {
    return this.#expectsRequests || this.#intakes.size > 0 || this.#functions.length > 0
  }

  /** The instance has begun to end. */
  get isEnding(): boolean {
    return this.#stage !== undefined || this.#run !== undefined
  }

  get timeout(): number {
    return this.#scheduler.settings.shutdownTimeout
  }

  get waitsFor(): string | undefined {
    if (this.#stage !== 'tasks') return this.#stage && stages[this.#stage]
    const tasks = [...this.#scheduler.backlog.tasks()]
    return `${tasks.length} task${tasks.length === 1 ? '' : 's'}: ${shortListOf(tasks)}`
  }

  /** Ends the instance at a signal, its intakes first. */
  async end(): Promise<boolean> {
    const deadline = clock.now() + this.timeout
    this.#registry.journal?.expectEnd()
    this.#stage = 'requests'
    await this.stop(this.#intakes)
    const { left } = await this.run(deadline)
    return left.every(({ kept }) => kept)
  }

  /** Ends the instance: tasks, `onShutdown` functions, journal, in this order, once. Intakes stay as they are. */
  run(deadline = clock.now() + this.timeout): Promise<DrainReport> {
    this.#run ??= this.#runBy(deadline)
    return this.#run
  }

  async #runBy(deadline: number): Promise<DrainReport> {
    const { lifecycle, completion } = this.#scheduler
    const timeLeft = () => Math.max(0, deadline - clock.now())
    this.#registry.journal?.expectEnd()
    this.#stage = 'tasks'
    lifecycle.advance('draining')
    completion.unloadRetries()
    for (const pause of this.#registry.pauses.values()) pause.leaveKept()
    this.#registry.journal?.stopClaiming()
    completion.handBackClaims()
    completion.leaveLimited()
    const drained = await drain(this.#scheduler, timeLeft())
    // The functions may close the database that the journal is in.
    const flushed = this.#registry.journal?.flushed()
    if (flushed !== undefined) await within(timeLeft(), flushed)
    this.#stage = 'functions'
    await within(Math.max(leastForFunctions, timeLeft()), callInOrder(this.#functions))

    lifecycle.advance('stopping')
    completion.unloadWaiting()
    this.#stage = 'journal'
    await this.#registry.journal?.close(timeLeft(), completion.runningRecords)
    this.#stage = undefined
    return drained
  }

  /** Leaves the process to others. */
  dispose(): void {
    this.#listens = false
    this.#process?.remove(this)
    this.#process?.removeWitness(this)
  }

  /** Names the tasks that are left when the process ends, or the instance. */
  nameUnfinished(advice: string): void {
    // Records of this very turn are stored now. A stored task will run in another process.
    this.#registry.journal?.write()
    const tasks = [...this.#scheduler.backlog.tasks()].filter(({ record }) => !record?.isAccepted)
    if (tasks.length === 0) return
    const error = new AfterwordError('AFTERWORD_UNFINISHED', [listOf(tasks), advice])
    // Listeners get the report, and stderr as well: a report that a listener hands on asynchronously is lost with the process.
    if (isHeard('report')) report(error)
    print(error)
  }

  /** Stops intakes. Requests that take longer than their share of the time are broken off. */
  async stop(intakes: Iterable<Intake>): Promise<void> {
    const stopped = Promise.all(Array.from(intakes, (intake) => intake.stop()))
    if (await within(this.timeout * requestShare, stopped)) return
    for (const intake of intakes) intake.abort()
    await within(leastForFunctions, stopped)
  }
}

/** Lists the names of tasks for a line on a terminal. */
function shortListOf(tasks: readonly Task[]): string {
  const counts = new Map<string, number>()
  for (const { name } of tasks) counts.set(name, (counts.get(name) ?? 0) + 1)
  const names = Array.from(counts, ([name, count]) => (count === 1 ? name : `${count} × ${name}`))
  return names.length > mostNames ? `${names.slice(0, mostNames).join(', ')} …` : names.join(', ')
}

/** Lists every task by name; past the first hundred without ids, and tasks of one name together. */
function listOf(tasks: readonly Task[]): string {
  const more = new Map<string, number>()
  for (const { name } of tasks.slice(mostTitles)) more.set(name, (more.get(name) ?? 0) + 1)
  const titles = tasks.slice(0, mostTitles).map(({ title }) => title)
  return [...titles, ...Array.from(more, ([name, count]) => `${count} more of "${name}"`)].join(', ')
}

/** Calls each function, also those that are added meanwhile. */
async function callInOrder(functions: readonly (() => unknown)[]): Promise<void> {
  for (const fn of functions) {
    try {
      await fn()
    } catch (cause) {
      report(new AfterwordError('AFTERWORD_CALLBACK_FAILED', ['onShutdown', lostThis(fn, cause)], { cause }))
    }
  }
}
