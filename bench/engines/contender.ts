import type { Payload } from '../journal/payload.ts'

/** The engines that are compared, each on a server of its own. */
export type EngineName = 'pg-boss' | 'bullmq'

/** The place of a contender: a part of the server that no other one has. */
export interface Place {
  readonly engine: EngineName
  /** The URL of the server. */
  readonly url: string
  /** A schema, or a prefix of keys. */
  readonly name: string
  /** A folder, for what has a journal. */
  readonly folder: string
}

/** A contender puts calls into an engine and runs them, as its users would. */
export interface Contender {
  /** Adds a call, awaited as its users would. */
  add(data: Payload): Promise<unknown>
  /** Adds calls in bulk. Resolves when the engine has all of them. */
  addAll(data: readonly Payload[]): Promise<unknown>
  /** Keeps calls on the disk, and then hands them on. Resolves with the calls that the engine gets in a second. */
  forward?(data: readonly Payload[]): Promise<number>
  /** Runs calls, so many at once. @returns a function that stops it */
  work(concurrency: number, run: Run): Promise<() => unknown>
  /** Forgets all calls that wait or are done. */
  clear(): Promise<unknown>
}

/** The handler of the job. */
export type Run = (data: Payload) => unknown

export type MakeContender = (place: Place) => Promise<Contender>
