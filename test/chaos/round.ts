import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Ledger } from '../crash/ledger.ts'
import type { Build } from '../support/build.ts'
import type { Message } from '../support/program.ts'
import { type Abilities, FaultyDisk } from './faulty-disk.ts'
import { Load } from './load.ts'
import { Life, Place, type Surroundings } from './place.ts'
import type { Action, Release, RoundPlan } from './plan.ts'
import { type ListedFailure, type Score, Verdict } from './verdict.ts'

/** The tools that the rounds of a run have in common. */
export interface Scene {
  readonly build: Build
  /** Earlier releases, where the history of git is there. */
  readonly releases: Partial<Readonly<Record<Release, Build>>>
  readonly abilities: Abilities
  /** @default true */
  readonly keep?: boolean
}

/** Codes that any run may report. */
const usual = [
  'AFTERWORD_TASK_RETRIED',
  'AFTERWORD_SLOW_TASK',
  'AFTERWORD_UNFINISHED',
  'AFTERWORD_POISON',
  'AFTERWORD_LATE_WRITE',
]
/** Codes that tell of a disk that fails, or of a process that is stopped while it writes. */
const ofFaults = [
  'AFTERWORD_JOURNAL_REFUSED',
  'AFTERWORD_JOURNAL_BEHIND',
  'AFTERWORD_JOURNAL_FAILED',
  'AFTERWORD_JOURNAL_FOLDER',
  'AFTERWORD_TASK_FAILED',
]
const newer = 'AFTERWORD_JOURNAL_NEWER'
const clientsPerPlace = 3
/** For how long nothing may become of what is pending, in ms. */
const patience = 60_000

/** A round that is under way. */
export class Round implements AsyncDisposable {
  /** The folder of all its files, which stays where the round has failed. */
  readonly folder = mkdtempSync(join(tmpdir(), 'afterword-chaos-'))
  readonly #plan: RoundPlan
  readonly #scene: Scene
  readonly #ledger = new Ledger(join(this.folder, 'ledger'))
  readonly #disk: FaultyDisk
  readonly #load: Load
  readonly #places: Place[] = []
  readonly #earlier: Place[] = []
  readonly #others: Life[] = []
  readonly #notDone = new Set<string>()
  readonly #clock = join(this.folder, 'clock')
  #kills = 0
  #faults = 0
  #repair: Promise<void> | undefined

  constructor(plan: RoundPlan, scene: Scene) {
    this.#plan = plan
    this.#scene = scene
    this.#disk = new FaultyDisk(this.folder, plan.smallDisk, scene.abilities)
    this.#load = new Load(plan.seed * 1_000_003 + plan.round * 10_007, join(this.folder, 'asked'))
    writeFileSync(this.#clock, '0')
  }

  get notDone(): ReadonlySet<string> {
    return this.#notDone
  }

  /** The folder of the journal. */
  get journal(): string {
    return join(this.#disk.folder, 'journal')
  }

  /** @param before called when all its processes have ended, and before what is left is run */
  async play(before = async () => {}): Promise<Score> {
    const { places, actions, migrates, end } = this.#plan
    if (migrates !== undefined) await this.#leaveOlderFolder(migrates)
    for (const [number, plan] of places.entries()) {
      this.#places.push(new Place(number, plan, this.surroundings(plan.release)))
    }
    const targets = this.#places.filter(({ plan }) => plan.program !== 'work')
    const clients = targets.flatMap((target) => Array.from({ length: clientsPerPlace }, () => this.#load.run(target)))
    for (const action of actions) await this.#act(action)
    await this.#repair
    await this.#disk.repair()
    this.#load.end()
    for (const place of this.#places) {
      const over = place.end()
      if (end === 'SIGKILL') this.#kills += place.life.kill()
      else place.life.terminate()
      await this.#ended(over, place)
    }
    for (const life of this.#lives) life.sweep()
    await Promise.all(clients)
    await before()
    return this.#judge()
  }

  /** Resolves when all its processes have ended, and its disk is away. */
  async end(): Promise<void> {
    for (const life of this.#lives) life.kill()
    await Promise.all([...this.#earlier, ...this.#places].map((place) => place.end()))
    await Promise.all(this.#others.map(({ program }) => program.exited))
    await this.#disk.end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }

  /** Removes the files of the round. */
  clear(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Some process answers requests. */
  get #isServing(): boolean {
    return this.#places.some(({ life }) => life.address !== undefined)
  }

  get #lives(): Life[] {
    return [...[...this.#earlier, ...this.#places].flatMap(({ lives }) => lives), ...this.#others]
  }

  /** The settings of processes of the round. */
  surroundings(release?: Release): Surroundings {
    const { sync, clock } = this.#plan
    const build = release === undefined ? this.#scene.build : this.#scene.releases[release]
    if (build === undefined) throw new Error(`The ${release} is missing: this needs the history of git.`)
    const preload = build.compiled('test/crash/programs/clock.ts').href
    return {
      build,
      sync,
      journal: this.journal,
      ledger: join(this.folder, 'ledger'),
      keep: this.#scene.keep ?? true,
      env: { ...this.#disk.env, ...(clock && { CLOCK: this.#clock, NODE_OPTIONS: `--import=${preload}` }) },
    }
  }

  /** Lets a process of an older release work in the folder, and kills it. */
  async #leaveOlderFolder(release: Release): Promise<void> {
    if (this.#scene.releases[release] === undefined) {
      return void this.#notDone.add('migration: the older release is not in the history of git')
    }
    const plan = { program: 'http', cluster: 0, worker: true, release } as const
    const place = new Place(9, plan, this.surroundings(release))
    this.#earlier.push(place)
    await place.life.listening
    const clients = [this.#load.run(place), this.#load.run(place), this.#load.run(place)]
    await this.#load.answers(200, () => place.life.address !== undefined)
    const over = place.end()
    this.#kills += place.life.kill()
    await over
    await Promise.all(clients)
  }

  async #act(action: Action): Promise<void> {
    await this.#load.answers(action.after, () => this.#isServing)
    if (action.pause > 0) await wait(action.pause)
    switch (action.do) {
      case 'kill':
        return this.#kill(action)
      case 'terminate': {
        const { life } = this.#places[action.place] as Place
        life.terminate()
        if (action.killAfter === undefined) return
        await Promise.race([wait(action.killAfter), life.program.exited])
        this.#kills += life.kill()
        return
      }
      case 'stop': {
        const { life } = this.#places[action.place] as Place
        life.signal('SIGSTOP')
        this.#faults++
        await wait(action.ms)
        if (action.end === 'SIGKILL') this.#kills += life.kill()
        life.signal('SIGCONT')
        return
      }
      case 'fault': {
        // One that is just starting could not load its own modules, nor could the first one of a cluster start others.
        const pids = this.#places.flatMap(({ life }) => (life.address === undefined ? [] : life.servingPids))
        if (!(await this.#disk.fail(action.fault, pids))) return void this.#notDone.add(action.fault)
        this.#faults++
        this.#repair = wait(action.ms).then(() => this.#disk.repair())
        return
      }
      case 'clock':
        this.#faults++
        return writeFileSync(this.#clock, String(action.shift))
    }
  }

  async #kill({ places, part, starts }: Action & { do: 'kill' }): Promise<void> {
    const victims = places.map((number) => this.#places[number] as Place)
    const kill = (place: Place, part?: 'all' | 'primary' | 'one') => {
      const { life } = place
      this.#kills += life.kill(part)
      return life
    }
    const killed = victims.map((place) => kill(place, part))
    if (part === 'one') return
    await Promise.all(
      victims.map(async (place, i) => {
        let life = killed[i] as Life
        for (const ms of starts) {
          await life.program.exited
          await wait(ms)
          life = kill(place)
        }
      }),
    )
  }

  /** Waits until the processes of a place have ended, for as long as a shutdown may take. */
  async #ended(over: Promise<void>, place: Place): Promise<void> {
    const inTime = await Promise.race([over.then(() => true), wait(patience, false)])
    if (inTime) return
    this.#notEnded.push(`${place.name} had not ended ${patience} ms after ${this.#plan.end}`)
    place.life.kill()
    await over
  }

  readonly #notEnded: string[] = []

  async #judge(): Promise<Score> {
    const { build } = this.#scene
    const last = new Life('last', { program: 'http', cluster: 0, worker: true }, this.surroundings())
    this.#others.push(last)
    const trouble: string[] = []
    await last.listening.catch((error: Error) => trouble.push(`the last process ended: ${error.message}`))
    const failures = await emptied(build, this.journal, trouble)
    last.terminate()
    await last.program.exited
    const verdict = new Verdict(this.#ledger, this.#lives)
    const poison = new Set(failures.flatMap(({ reason, args }) => (reason === 'poison' ? [String(args[0])] : [])))
    const failed = failures.filter(({ reason }) => reason !== 'poison')
    const load = this.#load
    return {
      kills: this.#kills,
      faults: this.#disk.happened,
      answered: load.promised.length,
      refused: load.refused + verdict.refused,
      ran: verdict.ran,
      duplicated: verdict.duplicated,
      recovered: verdict.recovered(load),
      apart: poison.size,
      lost: verdict.lost(load, poison).map((what) => verdict.describe(what, load)),
      unexpected: [
        ...trouble,
        ...load.odd,
        ...failed.map((record) => `failed for good: ${JSON.stringify(record)}`),
        ...verdict.notPoison(poison),
        ...verdict.beyondLimit('limited', 2),
        ...this.#reports(),
        ...this.#ends(),
        ...this.#notEnded,
      ],
      twice: verdict.twice,
      overlaps: verdict.overlaps,
    }
  }

  /** The reports that nothing in the plan explains. */
  #reports(): string[] {
    const allowed = new Set<unknown>(this.#faults > 0 ? [...usual, ...ofFaults] : usual)
    return this.#lives.flatMap(({ name, program }) => {
      const isOlder = this.#isOlder(name)
      const isExplained = ({ code, message, cause }: Message) =>
        allowed.has(code) ||
        // Others write for long on a busy machine.
        (code === 'AFTERWORD_JOURNAL_BEHIND' && String(message).includes('database is locked')) ||
        (isOlder && `${message} ${cause}`.includes('this release knows version'))
      return program.messages
        .filter(({ type }) => type === 'error' || type === 'report' || type === 'refused')
        .filter((report) => report.type === 'error' || !isExplained(report))
        .map((report) => `${name} reported ${JSON.stringify(report)}`)
    })
  }

  /** The process is of an earlier release, which refuses the folder once this release has begun there. */
  #isOlder(name: string): boolean {
    return this.#places.some(
      ({ plan, lives }) => plan.release !== undefined && lives.some((life) => life.name === name),
    )
  }

  /** The processes that ended by themselves. */
  #ends(): string[] {
    return this.#lives.flatMap(({ name, program, killed, terminated, exit }) => {
      if (killed.has(name) || terminated !== undefined) return []
      const wasRefused = program.messages.some(({ type, code }) => {
        return type === 'refused' && (this.#faults > 0 || (code === newer && this.#isOlder(name)))
      })
      return wasRefused ? [] : [`${name} ended by itself, ${JSON.stringify(exit)}: ${program.stderr.slice(-2000)}`]
    })
  }
}

/** Lists the records that have failed for good, once none is pending. */
async function emptied(build: Build, journal: string, trouble: string[]): Promise<ListedFailure[]> {
  const cli = build.compiled('src/cli/main.ts').pathname
  const args = ['--disable-warning=ExperimentalWarning', cli, 'list', journal, '--json']
  const env = { ...process.env, NODE_OPTIONS: '' }
  let least = Infinity
  for (let deadline = performance.now() + patience; ; ) {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 2 ** 28 })
    const records: (ListedFailure & { state: string })[] = JSON.parse(stdout)
    const pending = records.filter(({ state }) => state !== 'failed')
    if (pending.length < least) deadline = performance.now() + patience
    const isStuck = performance.now() > deadline
    if (isStuck) trouble.push(`still pending: ${JSON.stringify(pending.slice(0, 5))} of ${pending.length}`)
    if (pending.length === 0 || isStuck) return records.filter(({ state }) => state === 'failed')
    least = Math.min(least, pending.length)
  }
}
