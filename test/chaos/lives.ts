import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Command } from '../crash/command.ts'
import { Ledger, now } from '../crash/ledger.ts'
import type { Build } from '../support/build.ts'
import { type Message, Program } from '../support/program.ts'
import { LifeVerdict, ofMoved } from './life-verdict.ts'
import type { LifeOrder, Rest, RestOrder } from './programs/life.ts'
import { type Blow, type NumberedCall, Strike } from './strike.ts'

/** A life of processes on a folder, which is struck at each of its calls. */
export interface LifeScene {
  readonly script: Exclude<LifeOrder['script'], 'leave'>
  readonly sync: 'normal' | 'full'
  readonly processes: number
  /** The folder that others have left, of this release or of an earlier one. @default an empty one */
  readonly template?: Template
  /** A command that starts the processes. */
  readonly under?: Command
}

/** A folder of processes that were killed. */
export interface Template {
  readonly folder: string
  /** The calls that wait there. */
  readonly what: readonly string[]
}

/** The result of a trial. */
export interface Trial {
  /** The call at which it was struck, if there were so many. */
  readonly call: NumberedCall | undefined
  /** All calls of the processes. */
  readonly calls: readonly NumberedCall[]
  readonly struck: number
  readonly answered: number
  /** Runs that had ended before, and were run again. */
  readonly again: number
  /** All that must not be. */
  readonly wrong: readonly string[]
}

const program = 'test/chaos/programs/life.ts'
/** The time in ms in which a process ends, and in which news come, however busy the machine is. */
const patience = 60_000

/** Lives that are struck, and what becomes of their calls. One trial at a time. */
export class Lives implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'afterword-lives-'))
  readonly #build: Build
  readonly #library: string
  #runner: Program | undefined
  #trials = 0

  /** @param library the compiled `strike.c` */
  constructor(build: Build, library: string) {
    this.#build = build
    this.#library = library
  }

  /** Lets processes leave calls in a folder, one after the other, each in a slot of its own. @param build @default this release @param keeps the calls that it keeps */
  async template(build = this.#build, keeps = /^/, processes = 2): Promise<Template> {
    const parent = mkdtempSync(join(this.folder, 'template-'))
    mkdirSync(join(parent, 'ledger'))
    const folder = join(parent, 'journal')
    const what: string[] = []
    const programs: Program[] = []
    for (let n = 0; n < processes; n++) {
      const order = {
        name: `left${n}`,
        journal: folder,
        notes: parent,
        sync: 'normal',
        script: 'leave',
        left: [],
      } as const
      const leaving = new Program(build.compiled(program), { args: [JSON.stringify(order satisfies LifeOrder)] })
      programs.push(leaving)
      what.push(...(await leaving.message<Message & { what: string[] }>('left')).what)
    }
    // At once: none has the time to take over what another has left.
    for (const each of programs) each.kill('SIGKILL')
    await Promise.all(programs.map(({ exited }) => exited))
    // The one that always fails has failed.
    return { folder, what: what.filter((what) => !what.startsWith('fail') && keeps.test(what)) }
  }

  /** Strikes a life at a call. @param at the number of the call; 0 for none */
  async try(scene: LifeScene, blow: Blow, at: number): Promise<Trial> {
    const trial = join(this.folder, `trial-${++this.#trials}`)
    const journal = join(trial, 'journal')
    mkdirSync(trial)
    const ledger = new Ledger(join(trial, 'ledger'))
    const left = scene.template?.what ?? []
    if (scene.template !== undefined) cpSync(scene.template.folder, journal, { recursive: true })
    const strike = new Strike(this.#library, trial, journal, blow, at)
    const wrong: string[] = []
    const ends = await this.#live(scene, trial, strike, blow, wrong)
    const calls = strike.calls
    const said = [...ends.keys()].flatMap((name) => linesIn(join(trial, `said-${name}`)))
    const answered = said
      .filter(([kind, , status]) => kind === 'answered' && status === 200)
      .map(([, what]) => String(what))
    const odd = said.filter(([kind, , status]) => kind === 'answered' && status !== 200 && status !== 503)
    wrong.push(...odd.map((line) => `answered ${line}`))
    const reports = said.filter(([kind]) => kind === 'report' || kind === 'refused').map(([, ...report]) => report)
    const owed = new Set([...left, ...answered])
    const failed = new Map<string, string>()
    const pending = new Set<string>()
    const verdict = new LifeVerdict({ blow, at, calls, owed, ledger, ends, reports, failed, pending })
    const moved = `${journal}-moved`
    const isMoved = existsSync(moved)
    // Processes that had ended by then have made no new one.
    if (isMoved) mkdirSync(journal, { recursive: true })
    for (const folder of isMoved ? [moved, journal] : [journal]) {
      const order = {
        ...{ name: folder === journal ? 'rest' : ofMoved, journal: folder, notes: trial, sync: scene.sync },
        ...{ patience: verdict.isLossReported ? 3000 : 20_000, what: verdict.left },
      }
      const { rest, reports: later } = await this.#rest(order)
      reports.push(...later)
      for (const [what, reason] of rest.failed) failed.set(what, reason)
      for (const what of rest.pending) pending.add(what)
      if (rest.problem !== undefined) wrong.push(`no start: ${rest.problem}`)
    }
    wrong.push(...verdict.wrong)
    const { struck, struckCall: call } = strike
    const again = verdict.again.length
    if (wrong.length === 0) rmSync(trial, { recursive: true })
    else wrong.push(`its files: ${trial}`)
    return { call, calls, struck, answered: answered.length, again, wrong }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner?.[Symbol.asyncDispose]()
    // Files of trials that went wrong stay.
    if (readdirSync(this.folder).every((name) => name.startsWith('template-'))) rmSync(this.folder, { recursive: true })
  }

  /** Runs the processes of a life. @param wrong gets what is wrong with their ends @returns their ends */
  async #live(scene: LifeScene, trial: string, strike: Strike, blow: Blow, wrong: string[]) {
    const { script, sync, processes, template, under = [] } = scene
    const ends = new Map<string, number>()
    const live = async (name: string) => {
      const left = processes === 1 ? (template?.what ?? []) : []
      const order = { name, journal: strike.folder, notes: trial, sync, script, left } satisfies LifeOrder
      const life = new Program(this.#build.compiled(program), {
        args: [JSON.stringify(order)],
        env: strike.env,
        under,
      })
      const timer = setTimeout(() => {
        wrong.push(`${name} did not end in ${patience} ms`)
        life.kill('SIGKILL')
      }, patience)
      const { code, signal } = await life.exited
      clearTimeout(timer)
      const end = signal === 'SIGKILL' ? strike.struckCall : undefined
      ends.set(name, end?.at ?? now())
      const isMeant = end !== undefined && ['kill', 'kill-all', 'torn'].includes(blow)
      if (code !== 0 && !isMeant) wrong.push(`${name} ended with ${code ?? signal}: ${life.stderr.slice(-1500)}`)
    }
    await Promise.all(Array.from({ length: processes }, (_, n) => live(`p${n}`)))
    return ends
  }

  /** Runs what is left in a folder, in a process that does so for all trials. */
  async #rest(order: RestOrder): Promise<{ rest: Rest; reports: unknown[][] }> {
    this.#runner ??= new Program(this.#build.compiled(program), {})
    const runner = this.#runner
    const from = runner.messages.length
    runner.send(order as RestOrder & Message)
    const answer = runner.message<Rest & Message>('rest', ({ journal }) => journal === order.journal)
    const problem = await Promise.race([
      answer.then(() => undefined, String),
      wait(3 * patience, 'it did not end', { ref: false }),
    ])
    if (problem === undefined) {
      const news = runner.messages.slice(from)
      const reports = news
        .filter(({ type }) => type === 'report')
        .map(({ code, message, cause }) => [code, message, cause])
      return { rest: await answer, reports }
    }
    this.#runner = undefined
    runner.kill('SIGKILL')
    const empty = { type: 'rest', journal: order.journal, failed: [], pending: [] } as const
    return { rest: { ...empty, problem: `${problem} ${runner.stderr.slice(-1500)}` }, reports: [] }
  }
}

function linesIn(file: string): unknown[][] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}
