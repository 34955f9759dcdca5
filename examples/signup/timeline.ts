import type { IncomingMessage, Server } from 'node:http'
import { type Events, type Outcome, subscribe } from 'afterword'
import { clock, type Entry, isOver, most, type Step } from './entry.ts'
import type { Signup } from './signup.ts'

type Task = Events['task:deferred']['task']

/** Turns the library's events into one entry for each sign-up. */
export class Timeline {
  /** The names of the tasks whose calls the journal keeps. */
  readonly kept = new Set<string>()
  readonly #publish: (entry: Entry) => void
  readonly #entries = new Map<string, Entry>()
  readonly #arrivals = new WeakMap<IncomingMessage, number>()
  readonly #places = new WeakMap<Task, { readonly entry: Entry; readonly step: Step }>()

  /** @param entries the stories of earlier processes */
  constructor(entries: readonly Entry[], publish: (entry: Entry) => void) {
    this.#publish = publish
    for (const entry of entries) this.#entries.set(entry.id, entry)
    subscribe('task:deferred', ({ task }) => this.#add(task))
    subscribe('task:started', ({ task }) => this.#follow(task, (entry, step) => this.#start(entry, step)))
    subscribe('task:retrying', ({ task, outcome }) => {
      this.#follow(task, (entry, step) => this.#end(entry, step, outcome.status, 'retrying'))
    })
    subscribe('task:ended', ({ task, outcome }) => {
      this.#follow(task, (entry, step) => this.#end(entry, step, outcome.status))
    })
    subscribe('report', ({ error, task }) => {
      const text = `${error.code}: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}`
      console.error(text) // the library prints a report only while nobody listens
      if (task !== undefined) this.#follow(task, (entry) => entry.reports.push(text))
    })
  }

  /** Takes the time of each request as it comes in, ahead of every middleware. */
  watch(server: Server): void {
    server.prependListener('request', (req: IncomingMessage) => this.#arrivals.set(req, clock()))
  }

  /** Notes that this process goes on with the stories whose process was killed. */
  resume(): void {
    for (const entry of this.#entries.values()) {
      if (isOver(entry) || entry.processes.at(-1)?.to === undefined) continue
      entry.processes.push({ pid: process.pid, from: this.#elapsed(entry) })
      this.#changed(entry)
    }
  }

  begin({ id, name, email }: Signup, req: IncomingMessage, way: Entry['way'] = 'after'): void {
    const entry: Entry = {
      ...{ id, name, email, way, receivedAt: new Date().toISOString(), elapsed: 0, steps: [], reports: [] },
      start: this.#arrivals.get(req) ?? clock(),
      processes: [{ pid: process.pid, from: 0 }],
    }
    this.#entries.set(id, entry)
    for (const oldest of this.#entries.keys()) if (this.#entries.size > most) this.#entries.delete(oldest)
    this.#changed(entry)
  }

  sent({ id }: Signup, status: number): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.sent = { at: this.#elapsed(entry), status }
    this.#changed(entry)
  }

  /** The old way: what is run before the answer is no task, so nobody else tells about it. */
  async run(name: string, fn: (signup: Signup) => Promise<unknown>, signup: Signup): Promise<void> {
    const entry = this.#entries.get(signup.id)
    if (entry === undefined) return void (await fn(signup))
    const step: Step = { name, kept: false, state: 'waiting', attempts: [] }
    entry.steps.push(step)
    this.#start(entry, step)
    this.#changed(entry)
    try {
      await fn(signup)
      this.#end(entry, step, 'done')
    } catch (error) {
      this.#end(entry, step, 'failed')
      throw error
    } finally {
      this.#changed(entry)
    }
  }

  entries(): Entry[] {
    return Array.from(this.#entries.values(), (entry) => ({ ...entry, elapsed: this.#elapsed(entry) }))
  }

  /** Every task of this app gets its sign-up as the first argument. */
  #add(task: Task): void {
    const entry = this.#entries.get((task.args[0] as Partial<Signup> | undefined)?.id ?? '')
    if (entry === undefined) return
    // A call that a dead process has left becomes a task of this one.
    let step = entry.steps.find(({ name, state }) => name === task.name && state === 'waiting')
    if (step === undefined) {
      step = { name: task.name, kept: this.kept.has(task.name), state: 'waiting', attempts: [] }
      entry.steps.push(step)
    }
    this.#places.set(task, { entry, step })
    this.#changed(entry)
  }

  #follow(task: Task, change: (entry: Entry, step: Step) => void): void {
    const place = this.#places.get(task)
    if (place === undefined) return
    change(place.entry, place.step)
    this.#changed(place.entry)
  }

  #start(entry: Entry, step: Step): void {
    step.state = 'running'
    step.attempts.push({ from: this.#elapsed(entry), pid: process.pid })
  }

  #end(entry: Entry, step: Step, status: Outcome['status'], state: Step['state'] = status): void {
    step.state = state
    const attempt = step.attempts.at(-1)
    if (attempt !== undefined) Object.assign(attempt, { to: this.#elapsed(entry), status })
  }

  #changed(entry: Entry): void {
    entry.elapsed = this.#elapsed(entry)
    this.#publish(entry)
  }

  #elapsed(entry: Entry): number {
    return clock() - entry.start
  }
}
