/** The settings of an instance that its engine has to know. */
export interface EngineSettings {
  /** The most bytes that the stored arguments of a call may have. */
  readonly maxPayload: number
  /** The time in ms for which calls wait for the engine. */
  readonly holdTimeout: number
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
  /** Makes the journal of an instance. @internal */
  readonly open: (settings: EngineSettings, claimer: never) => unknown
}
