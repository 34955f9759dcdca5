/** The settings of an instance that its engine has to know. */
export interface EngineSettings {
  /** The most bytes that the stored arguments of a call may have. */
  readonly maxPayload: number
  /** The time in ms for which calls wait for the engine. */
  readonly holdTimeout: number
  /** The folder of the journal that stands before the engine. */
  readonly folder?: string | undefined
  /** The most bytes that calls may take there while they wait for the engine. */
  readonly maxDisk?: number | undefined
}

/**
 * An engine, as `configure` takes it: an existing distributed queue that keeps the calls of jobs.
 *
 * @example
 * const engine: EngineOption = pgBoss({ connectionString: process.env.DATABASE_URL })
 * configure({ engine })
 */
export interface EngineOption {
  readonly name: string
  /** Makes the journal of an instance: an engine is a `JournalMaker`, whose parts the options do not know. @internal */
  readonly open: (...parts: never[]) => unknown
}
