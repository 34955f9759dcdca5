import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Ledger, now, robberies } from '../crash/ledger.ts'
import type { Build } from '../support/build.ts'
import { type Message, Program } from '../support/program.ts'
import type { LifeOrder, Rest, RestOrder } from './programs/life.ts'
import { type Blow, type NumberedCall, Strike } from './strike.ts'

/** A life of processes on a folder, which is struck at each of its calls. */
export interface LifeScene {
  readonly script: Exclude<LifeOrder['script'], 'leave'>
  readonly sync: 'normal' | 'full'
  readonly processes: number
  /** The folder that others have left, of this release or of an earlier one. @default an empty one */
  readonly template?: Template
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
/** The time in µs after its end in which the end of a run may be lost by a kill, with all that a busy machine adds. */
const window = 1_000_000

/** Codes that any life may report: one job always fails, and another one fails once. A busy disk is late. */
const usual = [
  'AFTERWORD_TASK_FAILED',
  'AFTERWORD_TASK_RETRIED',
  'AFTERWORD_SLOW_TASK',
  'AFTERWORD_UNFINISHED',
  'AFTERWORD_JOURNAL_BEHIND',
]
const ofErrors = ['AFTERWORD_JOURNAL_REFUSED', 'AFTERWORD_JOURNAL_FAILED', 'AFTERWORD_JOURNAL_FOLDER']
/** Codes that only some blows may make a process report. */
const allowed: Readonly<Record<Blow, readonly string[]>> = {
  kill: [],
  'kill-all': [],
  torn: [],
  EIO: ofErrors,
  ENOSPC: ofErrors,
  EROFS: ofErrors,
  moved: [...ofErrors, 'AFTERWORD_JOURNAL_LOST', 'AFTERWORD_JOURNAL_UNLOCKED'],
}

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

  /** Strikes a life at a call. @param at the number of the call; 0 for none @param under a command that starts its processes */
  async try(scene: LifeScene, blow: Blow, at: number, under: readonly string[] = []): Promise<Trial> {
    const trial = join(this.folder, `trial-${++this.#trials}`)
    const journal = join(trial, 'journal')
    mkdirSync(trial)
    const ledger = new Ledger(join(trial, 'ledger'))
    const left = scene.template?.what ?? []
    if (scene.template !== undefined) cpSync(scene.template.folder, journal, { recursive: true })
    const strike = new Strike(this.#library, trial, journal, blow, at)
    const names = Array.from({ length: scene.processes }, (_, n) => `p${n}`)
    const killed = new Map<string, number>()
    const wrong: string[] = []
    await Promise.all(
      names.map(async (name) => {
        const { script, sync } = scene
        const order: LifeOrder = { name, journal, notes: trial, sync, script, left: names.length === 1 ? left : [] }
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
        const end = signal === 'SIGKILL' ? strike.calls.find(({ number }) => number === at) : undefined
        killed.set(name, end?.at ?? now())
        const isMeant = signal === 'SIGKILL' && ['kill', 'kill-all', 'torn'].includes(blow) && at > 0
        if (code !== 0 && !isMeant) wrong.push(`${name} ended with ${code ?? signal}: ${life.stderr.slice(-1500)}`)
      }),
    )
    const calls = strike.calls
    const said = names.flatMap((name) => linesIn(join(trial, `said-${name}`)))
    const answered = said
      .filter(([kind, , status]) => kind === 'answered' && status === 200)
      .map(([, what]) => String(what))
    const odd = said.filter(([kind, , status]) => kind === 'answered' && status !== 200 && status !== 503)
    wrong.push(...odd.map((line) => `answered ${line}`))
    const reports = said.filter(([kind]) => kind === 'report' || kind === 'refused').map(([, ...report]) => report)
    if (blow === 'moved' && !existsSync(journal) && existsSync(`${journal}-moved`)) mkdirSync(journal)

    const owed = new Set([...left, ...answered])
    const before = ledger.runs.map((run) => ({ ...run }))
    const isDone = (what: string) => before.some((run) => run.what === what && run.ended !== undefined && !run.isFailed)
    const nested = (what: string) => (/^(nest|delayed)/.test(what) ? [`${what}-nested`] : [])
    const due = [...owed].flatMap((what) => [what, ...nested(what)]).filter((what) => !what.startsWith('fail'))
    const order: RestOrder = {
      ...{ name: 'rest', journal, notes: trial, sync: scene.sync, patience: blow === 'moved' ? 3000 : 20_000 },
      what: due.filter((what) => !isDone(what) && !ledger.cancelled.has(what)),
    }
    const { rest, reports: later } = await this.#rest(order)
    reports.push(...later)
    const codes = [...usual, ...allowed[blow]]
    wrong.push(
      ...reports.filter(([code]) => !codes.includes(String(code))).map((report) => `reported ${report.join(' ')}`),
    )
    if (rest.problem !== undefined) wrong.push(`no start: ${rest.problem}`)
    const { runs } = ledger
    const isRun = (what: string) => runs.some((run) => run.what === what && run.ended !== undefined && !run.isFailed)
    const isLossReported = reports.some(([code]) => code === 'AFTERWORD_JOURNAL_LOST')
    const failed = new Map(rest.failed)
    for (const what of due) {
      // What a job defers in vain is reported, and not owed.
      if (isRun(what) || (blow === 'moved' && isLossReported)) continue
      if (what.endsWith('-nested') && (ledger.cancelled.has(what) || !isRun(what.slice(0, -'-nested'.length)))) continue
      wrong.push(`lost: ${what}, ${failed.get(what) ?? (rest.pending.includes(what) ? 'pending' : 'nowhere')}`)
    }
    for (const what of owed) {
      if (!what.startsWith('fail') || failed.has(what) || (blow === 'moved' && isLossReported)) continue
      wrong.push(`not listed: ${what}`)
    }
    for (const [what, reason] of rest.failed)
      if (!what.startsWith('fail')) wrong.push(`failed for good: ${what}, ${reason}`)
    for (const run of robberies(runs, killed))
      if (!run.isFailed && !isRetried(run.what)) wrong.push(`robbed: ${JSON.stringify(run)}`)
    const again = runs.filter((run) =>
      runs.some(
        (earlier) =>
          earlier !== run && earlier.id === run.id && !earlier.isFailed && Number(earlier.ended) <= run.begun,
      ),
    )
    for (const { id, what, begun } of again) {
      const earlier = runs.findLast((run) => run.id === id && !run.isFailed && Number(run.ended) <= begun)
      const died = killed.get(String(earlier?.by)) ?? Infinity
      const age = died - Number(earlier?.ended)
      if (!(age <= window) && at > 0) wrong.push(`again ${age} µs after its end: ${what}`)
      if (at === 0) wrong.push(`again without a kill: ${what}`)
    }
    const { struck } = strike
    if (wrong.length === 0) rmSync(trial, { recursive: true })
    else wrong.push(`its files: ${trial}`)
    const call = calls.find(({ number }) => number === at)
    return { call, calls, struck, answered: answered.length, again: again.length, wrong }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner?.[Symbol.asyncDispose]()
    // Files of trials that went wrong stay.
    if (readdirSync(this.folder).every((name) => name.startsWith('template-'))) rmSync(this.folder, { recursive: true })
  }

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

/** The runs of these are several, one after the other. */
const isRetried = (what: string) => /^(retry|again)/.test(what)

function linesIn(file: string): unknown[][] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}
