import type { IncomingMessage, Server } from 'node:http'
import { type Events, type Outcome, subscribe } from 'afterword'
import type { Signup } from './signup.ts'

type Task = Events['task:deferred']['task']

/** The story of a sign-up. Times are ms since its request came in. */
export interface Entry {
  readonly id: string
  readonly name: string
  readonly email: string
  /** The order: the four things run before the answer, or after it. */
  readonly way: 'before' | 'after'
  readonly receivedAt: string
  /** The age of the entry when it was sent to the page. */
  elapsed: number
  sent?: { readonly at: number; readonly status: number }
  readonly steps: Step[]
  /** The reports of the library. */
  readonly reports: string[]
}

/** One of the four things. */
export interface Step {
  readonly name: string
  state: 'waiting' | 'running' | 'retrying' | Outcome['status']
  readonly attempts: Attempt[]
}

interface Attempt {
  readonly from: number
  to?: number
  status?: Outcome['status']
}

/** The number of entries that are kept. */
const most = 12

/** Turns the library's events into one entry for each sign-up. */
export class Timeline {
  readonly #publish: (entry: Entry) => void
  readonly #entries = new Map<string, Entry>()
  readonly #arrivals = new WeakMap<IncomingMessage, number>()
  readonly #starts = new WeakMap<Entry, number>()
  readonly #places = new WeakMap<Task, { readonly entry: Entry; readonly step: Step }>()

  constructor(publish: (entry: Entry) => void) {
    this.#publish = publish
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
    server.prependListener('request', (req: IncomingMessage) => this.#arrivals.set(req, performance.now()))
  }

  begin({ id, name, email }: Signup, req: IncomingMessage, way: Entry['way'] = 'after'): void {
    const entry = { id, name, email, way, receivedAt: new Date().toISOString(), elapsed: 0, steps: [], reports: [] }
    this.#starts.set(entry, this.#arrivals.get(req) ?? performance.now())
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
    const step: Step = { name, state: 'waiting', attempts: [] }
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
    const step: Step = { name: task.name, state: 'waiting', attempts: [] }
    entry.steps.push(step)
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
    step.attempts.push({ from: this.#elapsed(entry) })
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
    return performance.now() - (this.#starts.get(entry) ?? 0)
  }
}
