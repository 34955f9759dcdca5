import type { Command } from '../crash/command.ts'
import type { Build } from '../support/build.ts'
import { Lives, type Template, type Trial } from './lives.ts'
import type { Release } from './plan.ts'
import type { Scene } from './round.ts'
import type { Blow, NumberedCall } from './strike.ts'

/** The lives that are struck at each of their calls, by their names. */
const scripts = {
  life: { script: 'life', processes: 1 },
  adopt: { script: 'adopt', processes: 1, left: 'now' },
  moving: { script: 'moving', processes: 1 },
  'migrate-1': { script: 'adopt', processes: 1, left: 'version1' },
  'migrate-2': { script: 'adopt', processes: 1, left: 'version2' },
  'migrate-3': { script: 'adopt', processes: 1, left: 'version3' },
  four: { script: 'life', processes: 4 },
} as const
export type SceneName = keyof typeof scripts
export const sceneNames = Object.keys(scripts) as SceneName[]

/** A series of trials: a scene, struck in one way at every so many-th call. */
export interface Series {
  readonly scene: SceneName
  readonly sync: 'normal' | 'full'
  readonly blow: Blow
  readonly first: number
  readonly step: number
}

/** The result of a series. */
export interface SeriesScore {
  struck: number
  /** The first call that no trial has come to. */
  next: number
  answered: number
  again: number
  /** The trials that went wrong. */
  readonly wrong: string[]
}

export interface SeriesChoice {
  readonly scenes: readonly SceneName[]
  readonly syncs: readonly Series['sync'][]
  readonly kinds: readonly Blow[]
  readonly step: number
  /** The first call at which processes are struck. @default one of the first `step`, another one for each way */
  readonly from?: number | undefined
  /** The one call at which processes are struck. @default every so many-th one */
  readonly only?: number | undefined
}

/** All series of a run. */
export function planSeries({ scenes, syncs, kinds, step, from, only }: SeriesChoice): Series[] {
  return scenes.flatMap((scene) =>
    syncs.flatMap((sync) =>
      // A single process dies alone in any case.
      kinds
        .filter((blow) => blow !== 'kill-all' || scripts[scene].processes > 1)
        .map((blow, i) => {
          const calls = only === undefined ? { first: from ?? 1 + (i % step), step } : { first: only, step: noFurther }
          return { scene, sync, blow, ...calls }
        }),
    ),
  )
}

/** The step after which no life has a further call. */
const noFurther = 2 ** 30

type Templates = Partial<Record<Release | 'now', Template>>

/** The calls that a release has kept, by their ways. */
const keeps: Readonly<Record<Release, RegExp>> = {
  version1: /^(note|dispatched|delayed|retry|again|fail)/,
  version2: /^(?!track)/,
  version3: /^/,
}

/** The trials in a row that must be without a blow until a life is known to have no further call. */
const over = 2

/** Strikes processes at every call that changes a file of their folder. */
export class EveryCall implements AsyncDisposable {
  readonly #workers: readonly Lives[]
  readonly #templates: Templates
  #isStopped = false

  private constructor(workers: readonly Lives[], templates: Templates) {
    this.#workers = workers
    this.#templates = templates
  }

  /** @param library the compiled `strike.c` @param workers the trials at once */
  static async prepare({ build, releases }: Pick<Scene, 'build' | 'releases'>, library: string, workers: number) {
    const lives = Array.from({ length: workers }, () => new Lives(build, library))
    const first = lives[0] as Lives
    const templates: Templates = { now: await first.template() }
    for (const [release, of] of Object.entries(releases) as [Release, Build][]) {
      templates[release] = await first.template(of, keeps[release])
    }
    return new EveryCall(lives, templates)
  }

  /** Runs a series until a life has no further call. @param done called with each trial */
  async run({ scene, sync, blow, first, step }: Series, done: (trial: Trial) => void = () => {}): Promise<SeriesScore> {
    const { script, processes, ...more } = scripts[scene]
    const left = 'left' in more ? more.left : undefined
    const template = left === undefined ? undefined : this.#templates[left]
    if (left !== undefined && template === undefined) throw new Error(`${scene} needs the history of git`)
    const life = { script, processes, sync, ...(template && { template }) }
    const score: SeriesScore = { struck: 0, next: first, answered: 0, again: 0, wrong: [] }
    let next = first
    let quiet = 0
    const work = async (lives: Lives) => {
      while (quiet < over && !this.#isStopped) {
        const at = next
        next += step
        score.next = next
        const trial = await lives.try(life, blow, at)
        if (trial.struck === 0) quiet++
        else score.struck++
        score.answered += trial.answered
        score.again += trial.again
        const where = trial.call === undefined ? 'no call' : `${trial.call.call} of ${trial.call.file}`
        if (trial.wrong.length > 0) {
          const repeat = `npm run chaos -- --every --scenes ${scene} --syncs ${sync} --blows ${blow} --trial ${at}`
          score.wrong.push([`at ${where}:`, ...trial.wrong, `Repeat: ${repeat}`].join('\n    '))
        }
        done(trial)
      }
    }
    await Promise.all(this.#workers.map(work))
    return score
  }

  /** Ends the series once the trials that run are over. */
  stop(): void {
    this.#isStopped = true
  }

  /** Whether the series was ended before a life had no further call. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Lives a life without a blow. @param under a command that starts it @returns its calls */
  async calls(under: Command): Promise<readonly NumberedCall[]> {
    const { calls, wrong } = await (this.#workers[0] as Lives).try({ ...scripts.life, sync: 'full', under }, 'kill', 0)
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
    return calls
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lives of this.#workers) await lives[Symbol.asyncDispose]()
  }
}
