import { readFileSync } from 'node:fs'
import { now } from '../crash/ledger.ts'
import type { Build } from '../support/build.ts'
import { type Message, Program } from '../support/program.ts'
import { Address, type Target } from './load.ts'
import type { PlacePlan, Release } from './plan.ts'
import type { Settings } from './programs/settings.ts'

/** The settings that all processes of a round have in common. */
export interface Surroundings extends Pick<Settings, 'journal' | 'ledger' | 'sync' | 'keep'> {
  readonly build: Build
  readonly env: Record<string, string>
}

/** A process, with those that it has started itself. */
export class Life {
  readonly name: string
  readonly program: Program
  address: Address | undefined
  /** The moments of SIGKILLs and SIGTERMs, by the clock of the ledger, of this process and those that it has started. */
  readonly killed = new Map<string, number>()
  terminated: number | undefined
  /** The end of the process. */
  exit: { readonly code: number | null; readonly signal: string | null } | undefined
  readonly #token: string

  constructor(name: string, { program, cluster, worker }: PlacePlan, { build, env, ...common }: Surroundings) {
    this.name = name
    this.#token = common.ledger
    const settings: Settings = { name, cluster, worker, app: program === 'work' ? 'http' : program, ...common }
    const [file, args] =
      program === 'work'
        ? ['src/cli/main.ts', ['work', build.compiled('test/chaos/programs/jobs.ts').pathname, '--json']]
        : ['test/chaos/programs/app.ts', []]
    this.program = new Program(build.compiled(file as string), {
      args: args as string[],
      env: { ...env, CHAOS: JSON.stringify(settings) },
    })
    void this.#listen(program === 'http2')
    void this.program.exited.then((exit) => (this.exit = exit))
  }

  /** The pids of the processes that it has started and that live, by their names. */
  get workers(): Map<string, number> {
    const workers = new Map<string, number>()
    for (const { type, worker, pid } of this.program.messages) {
      if (type === 'worker' && !this.killed.has(String(worker))) workers.set(String(worker), Number(pid))
      if (type === 'left') workers.delete(String(worker))
    }
    return workers
  }

  /** The pids of the processes that serve. */
  get servingPids(): number[] {
    const workers = [...this.workers.values()]
    return workers.length > 0 ? workers : [this.program.pid]
  }

  /** The process has a listening socket. Rejects if it ends before. */
  get listening(): Promise<Message> {
    return this.program.message('listening')
  }

  /** Ends processes at once. @returns the number of them */
  kill(part: 'all' | 'primary' | 'one' = 'all'): number {
    const workers = part === 'primary' ? [] : [...this.workers]
    const victims = part === 'one' && workers.length > 0 ? workers.slice(0, 1) : workers
    for (const [name, pid] of victims) this.#kill(name, pid)
    if ((part === 'one' && workers.length > 0) || this.exit !== undefined) return victims.length
    if (!this.killed.has(this.name)) this.killed.set(this.name, now())
    this.program.kill('SIGKILL')
    return victims.length + 1
  }

  terminate(): void {
    this.terminated ??= now()
    this.program.kill('SIGTERM')
  }

  /** Sends a signal to all its processes. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.exit === undefined) this.program.kill(signal)
    for (const pid of this.workers.values()) this.#send(pid, signal)
  }

  /** Ends what is left of it: those that it has started may outlive it for a moment. */
  sweep(): void {
    for (const [name, pid] of this.workers) this.#kill(name, pid)
  }

  #kill(name: string, pid: number): void {
    if (!this.killed.has(name)) this.killed.set(name, now())
    this.#send(pid, 'SIGKILL')
  }

  /** Sends a signal, unless that process has ended, whose pid may be that of another one by now. */
  #send(pid: number, signal: NodeJS.Signals): void {
    try {
      if (readFileSync(`/proc/${pid}/environ`).includes(this.#token)) process.kill(pid, signal)
    } catch {
      // That one has ended.
    }
  }

  async #listen(isHttp2: boolean): Promise<void> {
    try {
      const { port } = await this.listening
      this.address = new Address(Number(port), isHttp2)
    } catch {
      // It has ended before.
    }
  }
}

/** A place where processes live one after the other: whatever ends one, the next one is started. */
export class Place implements Target {
  readonly plan: PlacePlan
  readonly lives: Life[] = []
  isOver = false
  readonly #number: number
  readonly #surroundings: Surroundings
  #changed = Promise.withResolvers<void>()
  readonly #living: Promise<void>

  constructor(number: number, plan: PlacePlan, surroundings: Surroundings) {
    this.plan = plan
    this.#number = number
    this.#surroundings = surroundings
    this.#living = this.#live()
  }

  /** The process that lives now. */
  get life(): Life {
    return this.lives.at(-1) as Life
  }

  get name(): string {
    return this.life.name
  }

  get release(): Release | undefined {
    return this.plan.release
  }

  get address(): Address | undefined {
    return this.life.address
  }

  get changed(): Promise<void> {
    return this.#changed.promise
  }

  /** Starts no further process. Resolves when the last one has ended. */
  async end(): Promise<void> {
    this.isOver = true
    await this.#living
  }

  async #live(): Promise<void> {
    while (!this.isOver) {
      const life = new Life(`${this.#number}-${this.lives.length}`, this.plan, this.#surroundings)
      this.lives.push(life)
      const wake = () => {
        const { resolve } = this.#changed
        this.#changed = Promise.withResolvers()
        resolve()
      }
      void life.listening.then(wake, () => {})
      await life.program.exited
      life.address?.close()
      life.address = undefined
      wake()
    }
  }
}
