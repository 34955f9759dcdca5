import type { Afterword } from '../afterword.ts'
import type { ContractCase } from './contract.ts'
import { storeCases } from './store-cases.ts'
import { refusedCases } from './store-refusals.ts'
import { survivalCases } from './store-survival.ts'

/**
 * The options of an instance that a case starts: they go to `new Afterword`, beside those of the store.
 * @example
 * start: (options: StoreOptions) => new Afterword({ engine: tableEngine(pool), ...options })
 */
export interface StoreOptions {
  readonly signals: false
  readonly worker?: boolean | { readonly concurrency: number }
  readonly shutdownTimeout?: number
}

/**
 * A place where calls of jobs are kept, empty at first.
 * @example
 * const store: Store = { start: (options) => new Afterword({ engine: tableEngine(pool), ...options }), remove: () => pool.end() }
 */
export interface Store {
  /** Starts an instance on the place, as another process would. */
  start(options: StoreOptions): Afterword
  /** Lets go of the place, once all instances are closed. */
  remove(): Promise<void>
}

/**
 * The limits of a store; the cases that need more are left out.
 * @example
 * new StoreContract({ open, limits: { survives: false } })
 */
export interface StoreLimits {
  /** Calls end with their instance. */
  readonly survives?: false
  /** Jobs have no `key`: one that has is refused. */
  readonly keys?: false
  /** Calls that were accepted are not given back: `cancel` rejects. */
  readonly cancels?: false
}

/**
 * The options of a store's contract.
 * @example
 * const options: StoreContractOptions = { open: async () => startStore() }
 */
export interface StoreContractOptions {
  /** Makes a store, for one case. */
  open(): Promise<Store>
  readonly limits?: StoreLimits
}

/**
 * The contract of every store, memory, a journal or an engine, as cases for any test runner. Each has a store of its own.
 * @example
 * const { cases } = new StoreContract({ open })
 * for (const { title, run } of cases) test(title, run)
 */
export class StoreContract {
  readonly cases: readonly ContractCase[]

  constructor({ open, limits = {} }: StoreContractOptions) {
    const has = (limit: keyof StoreLimits) => limits[limit] !== false
    const all = [...storeCases, ...survivalCases, ...refusedCases]
    const kept = all.filter(({ needs = [], without }) => needs.every(has) && (without === undefined || !has(without)))
    this.cases = kept.map(({ title, run }) => ({
      title,
      async run() {
        await using place = new Place(await open())
        await run(place)
      },
    }))
  }
}

/** The store of a case, and the instances on it. */
export class Place implements AsyncDisposable {
  readonly #store: Store
  readonly #instances: Afterword[] = []

  constructor(store: Store) {
    this.#store = store
  }

  start(options: Omit<StoreOptions, 'signals'> = {}): Afterword {
    const afterword = this.#store.start({ signals: false, ...options })
    this.#instances.push(afterword)
    return afterword
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const afterword of this.#instances) await afterword.close()
    await this.#store.remove()
  }
}
