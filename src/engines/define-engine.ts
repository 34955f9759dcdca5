import { AfterwordError, describe } from '../errors.ts'
import type { EngineOption } from '../options/engine-option.ts'
import type { Journal, JournalMaker } from '../task/record.ts'
import { type Engine, type EngineClient, lackedByAll } from './engine.ts'
import { openEngine } from './forwarding-journal.ts'

export type { EngineOption } from '../options/engine-option.ts'
export type {
  Ending,
  EngineCall,
  EngineClaim,
  EngineClient,
  EngineHost,
  EngineWork,
} from './engine.ts'

/**
 * An engine, for any settings of its own.
 *
 * @example
 * const definition: EngineDefinition<Pool> = { name: 'a table', connect: (pool) => new TableClient(pool) }
 */
export interface EngineDefinition<Settings> {
  /** The name, for people: reports and errors have it. */
  readonly name: string
  /**
   * The options of jobs that the engine can't keep: a job that has one of them is refused when it is defined. `lane`, `debounce`, `uniqueFor` and
   * `when` are kept by no engine. @default none
   */
  readonly lacks?: readonly ('key' | 'rate')[]
  /** Makes a client, which connects when it is opened. An error that is thrown here is thrown by `configure`. */
  connect(settings: Settings): EngineClient
}

/**
 * Defines an engine: a queue that `configure` takes in place of a journal, or behind one. docs/engines.md has the contract in words, and an engine in full.
 *
 * @returns what makes the value of the option `engine`, from the settings that `connect` gets. Two values with the same settings are the same to `configure`
 * @throws AfterwordError `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * export const tableEngine = defineEngine({ name: 'a table', connect: (pool: Pool) => new TableClient(pool) })
 * configure({ engine: tableEngine(pool) })
 */
export function defineEngine<Settings>(definition: EngineDefinition<Settings>): (settings: Settings) => EngineOption {
  const { name, connect, lacks = [] } = definition
  const isComplete = typeof name === 'string' && typeof connect === 'function' && Array.isArray(lacks)
  if (!isComplete) {
    const expected = '{ name, connect }'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [
      'defineEngine',
      'its argument',
      expected,
      describe(definition),
    ])
  }
  return (settings) => {
    const maker: JournalMaker & { settings: Settings } = { name, settings, open }
    // Options are compared by what they hold: a module that is evaluated again defines the same engine anew.
    const engine: Engine = {
      name,
      lacks: [...lackedByAll, ...lacks],
      connect: () => definition.connect(settings),
    }
    return Object.defineProperty(maker, 'engine', { value: engine })
  }
}

/** Opens the engine of an option. */
function open(this: JournalMaker, ...[settings, claimer, openJournal]: Parameters<JournalMaker['open']>): Journal {
  return openEngine((this as JournalMaker & { engine: Engine }).engine, settings, claimer, openJournal)
}
