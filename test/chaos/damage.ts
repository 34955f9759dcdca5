import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFrame } from '../../src/journal/files/log-format.ts'
import { randoms } from '../crash/random.ts'
import type { Build } from '../support/build.ts'
import { type Message, Program } from '../support/program.ts'
import type { Order, Result } from './programs/damaged.ts'

/** A damage to one file of a folder. */
export interface Damage {
  readonly file: string
  readonly kind: keyof typeof damages
  readonly before: Buffer
  readonly after: Buffer
}

/** A folder whose processes were killed, with records in all states. */
interface Folder {
  readonly path: string
  /** The calls that are owed. */
  readonly what: readonly string[]
  /** The calls that are listed as failed. */
  readonly failed: readonly string[]
}

/** The result of a trial; `undefined` where all was as it must be. */
export interface Trial {
  readonly damage: Damage
  readonly wrong: string | undefined
  /** The records that did not run, and whose loss was reported. */
  readonly reported: number
  /** The records that are lost in silence, by a damage that can't be told from a write that was cut short. */
  readonly silent: number
}

type Draw = (limit: number) => number

const sector = 512

/** Chooses a place, mostly one that was written to: a log is written in full before it is used. */
function placeIn(bytes: Buffer, below: Draw): number {
  let used = bytes.length
  while (used > 1 && bytes[used - 1] === 0) used--
  return below(below(5) === 0 ? bytes.length : used)
}

/** The ways to damage the bytes of a file. */
const damages = {
  bits(bytes: Buffer, below: Draw) {
    const after = Buffer.from(bytes)
    for (let n = 1 + below(8); n > 0; n--) {
      const place = placeIn(after, below)
      after[place] = (after[place] as number) ^ (1 << below(8))
    }
    return after
  },
  bytes(bytes: Buffer, below: Draw) {
    const after = Buffer.from(bytes)
    const from = placeIn(after, below)
    for (let place = from; place < Math.min(after.length, from + 1 + below(64)); place++) after[place] = below(256)
    return after
  },
  sector(bytes: Buffer, below: Draw) {
    const size = below(2) === 0 ? sector : 8 * sector
    const after = Buffer.from(bytes)
    const [to = 0, from = 0] = [1, 2].map(() => Math.floor(placeIn(bytes, below) / size) * size)
    const kind = below(3)
    if (kind === 0) after.fill(0, to, Math.min(after.length, to + size))
    else if (kind === 1) bytes.copy(after, to, from, from + size)
    else for (let place = to; place < Math.min(after.length, to + size); place++) after[place] = below(256)
    return after
  },
  cut: (bytes: Buffer, below: Draw) => Buffer.from(bytes.subarray(0, placeIn(bytes, below))),
  rest: (bytes: Buffer, below: Draw) =>
    Buffer.concat([bytes, Buffer.from(Array.from({ length: 1 + below(2 * sector) }, () => below(256)))]),
} as const

/** Lets processes fill folders, and kills them. */
async function fillFolders(build: Build, parent: string): Promise<Folder[]> {
  const program = build.compiled('test/chaos/programs/damaged.ts')
  const folders: Folder[] = []
  let what: string[] = []
  // The next process finds what the one before has left: its records are in databases then.
  for (const [number, name] of ['a', 'b', 'c'].entries()) {
    const path = join(parent, `folder-${number}`)
    if (number > 0) cpSync(join(parent, `folder-${number - 1}`), path, { recursive: true })
    await using filler = new Program(program, { args: ['fill', path, name] })
    const filled = await filler.message<Message & { what: string[] }>('filled')
    // All that it has deferred has begun, and what fails has failed.
    const isDone = ({ begun, failed }: Message) => Number(begun) >= 8 * (number + 1) && Number(failed) >= 8
    await filler.message('progress', isDone)
    filler.kill('SIGKILL')
    await filler.exited
    what = [...what, ...filled.what]
    const failed = what.filter((what) => what.startsWith('failed'))
    folders.push({ path, what: what.filter((what) => !failed.includes(what)), failed })
  }
  return folders
}

/** Trials with damaged files: each in a copy of a folder, of which a process then runs what it can. */
export class DamageTrials implements AsyncDisposable {
  readonly #build: Build
  readonly #parent = mkdtempSync(join(tmpdir(), 'afterword-damage-'))
  #folders: Folder[] = []
  #runner: Program | undefined
  #tries = 0

  private constructor(build: Build) {
    this.#build = build
  }

  static async prepare(build: Build): Promise<DamageTrials> {
    const trials = new DamageTrials(build)
    trials.#folders = await fillFolders(build, trials.#parent)
    return trials
  }

  /** Tries the damage that follows from a seed and a number, or none. */
  async try(seed: number, number: number, isDamaged = true): Promise<Trial> {
    const random = randoms(seed * 15_485_863 + number * 32_452_843)
    const below: Draw = (limit) => Math.floor(random() * limit)
    const folder = this.#folders[below(this.#folders.length)] as Folder
    const path = join(this.#parent, `trial-${++this.#tries}`)
    cpSync(folder.path, path, { recursive: true })
    const files = readdirSync(path).filter(
      (file) => readFileSync(join(path, file)).length > 0 || file.endsWith('.lock'),
    )
    const file = files[below(files.length)] as string
    const before = readFileSync(join(path, file))
    const kinds = Object.keys(damages) as (keyof typeof damages)[]
    const kind = before.length === 0 ? 'rest' : (kinds[below(kinds.length)] as keyof typeof damages)
    const after = damages[kind](before, below)
    const damage = { file, kind, before, after }
    if (isDamaged) {
      writeFileSync(join(path, file), after)
      truncateSync(join(path, file), after.length)
    }
    const holds = (what: string) =>
      partsOf(file, files).some((part) => readFileSync(join(folder.path, part)).includes(what))
    const struck = isDamaged ? folder.what.filter(holds) : []
    const result = await this.#run({ folder: path, what: folder.what, struck })
    rmSync(path, { recursive: true })
    const verdict = judge(result, folder, struck, folder.failed.filter(holds), canBeTold(damage))
    return { damage, ...verdict }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner?.[Symbol.asyncDispose]()
    rmSync(this.#parent, { recursive: true })
  }

  async #run(order: Order): Promise<Result | string> {
    const program = this.#build.compiled('test/chaos/programs/damaged.ts')
    this.#runner ??= new Program(program, { args: ['run'] })
    const runner = this.#runner
    runner.send(order as Order & Message)
    try {
      return await runner.message<Result & Message>('ran', ({ folder }) => folder === order.folder)
    } catch {
      this.#runner = undefined
      return `The process ended: ${JSON.stringify(await runner.exited)} ${runner.stderr.slice(-2000)}`
    }
  }
}

/** Lists the files of the same database: damage to one of them is damage to all. */
function partsOf(file: string, files: readonly string[]): string[] {
  const name = file.replace(/-(wal|shm|journal)$/, '')
  return files.filter((other) => other === name || other.startsWith(`${name}-`))
}

/** Judges a trial: each call ran, or its loss was reported. */
export function judge(
  result: Result | string,
  { failed }: Pick<Folder, 'failed'>,
  struck: readonly string[],
  struckFailed: readonly string[],
  canBeTold: boolean,
): Omit<Trial, 'damage'> {
  const none = { reported: 0, silent: 0 }
  if (typeof result === 'string') return { wrong: result, ...none }
  const { left, ran, reports, problem, listed } = result
  if (problem !== undefined) return { wrong: `no start: ${problem}`, ...none }
  // A failed record whose end was in the damaged part runs again.
  const isListed = (what: string) => listed.failed.includes(what) || listed.pending.includes(what) || ran.includes(what)
  const missing = [...left, ...failed].filter((what) => !isListed(what))
  const isTold = reports.some((report) => report.includes('UNREADABLE'))
  const waiting = left.filter((what) => listed.pending.includes(what) && !listed.failed.includes(what) && !isTold)
  const innocent = missing.filter((what) => !struck.includes(what) && !struckFailed.includes(what))
  const say = (what: readonly string[]) =>
    `${what.slice(0, 4)} of ${what.length}; reports: ${reports.join(' | ') || 'none'}`
  if (innocent.length > 0) return { wrong: `lost, and not in the damaged file: ${say(innocent)}`, ...none }
  if (waiting.length > 0) return { wrong: `waits for ever: ${say(waiting)}`, ...none }
  const unrun = [...left, ...failed.filter((what) => !isListed(what))]
  if (unrun.length === 0 || reports.length > 0) return { wrong: undefined, reported: unrun.length, silent: 0 }
  if (canBeTold) return { wrong: `lost in silence: ${say(unrun)}`, ...none }
  return { wrong: undefined, reported: 0, silent: unrun.length }
}

/**
 * The damage can be told from a write that a kill or a power cut has cut short: it is in a WAL, whose index tells what was
 * committed, or not in the last frame of a log, and that file was not cut (docs/guarantees.md).
 */
function canBeTold({ file, before, after }: Damage): boolean {
  if (after.length < before.length) return file.endsWith('-wal')
  const at = before.findIndex((byte, place) => byte !== after[place])
  if (at === -1 || file.endsWith('-wal')) return true
  return !file.endsWith('.log') || at < lastFrame(before)
}

/** The offset of the last frame in a log of one segment. */
function lastFrame(bytes: Buffer): number {
  let last = 0
  for (let at = 0, frame = readFrame(bytes, 0); frame !== undefined; at = frame.end, frame = readFrame(bytes, at))
    last = at
  return last
}

/** Describes a damage. */
export function describeDamage({ file, kind, before, after }: Damage): string {
  if (before.length !== after.length) return `${kind} of ${file}, from ${before.length} bytes to ${after.length}`
  const places = [...before.keys()].filter((place) => before[place] !== after[place])
  return `${kind} of ${file}, ${places.length} bytes from ${places[0]} on, of ${before.length}`
}
