import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  Afterword,
  type AfterwordOptions,
  BatchError,
  type Deferred,
  type ScopeResponse,
  type SentResponse,
} from '../../src/index.ts'
import type { ResponseGate } from '../../src/task/response.ts'
import { Reports } from '../support/reports.ts'

type Kind = 'sync' | 'async' | 'yields' | 'limited' | 'rated' | 'item' | 'bad item'

interface RequestPlan {
  readonly turns: number
  readonly tasks: readonly Kind[]
}

const kind = fc.constantFrom<Kind>('sync', 'async', 'yields', 'limited', 'rated', 'item', 'bad item')
const requests = fc.array(fc.record({ turns: fc.nat(3), tasks: fc.array(kind, { maxLength: 6 }) }), { maxLength: 8 })
const options: fc.Arbitrary<AfterwordOptions> = fc.record({
  concurrency: fc.integer({ min: 1, max: 3 }),
  maxBacklog: fc.integer({ min: 1, max: 8 }),
  maxWait: fc.constantFrom(0.01, 1000),
  overload: fc.constantFrom('hold', 'before', 'reject'),
  turnBudget: fc.constantFrom(0, 0.25),
  taskShare: fc.constantFrom(0.01, 1),
})

/** A response as an adapter writes it: it leaves when its scope lets it go. */
class Response implements ScopeResponse {
  declare gate: ResponseGate
  sent = false
  #callback: ((sent: SentResponse) => void) | undefined

  whenSent(callback: (sent: SentResponse) => void): void {
    this.#callback = callback
  }
  describe(): SentResponse {
    return { method: 'GET', path: '/', status: 200, delivered: this.sent, aborted: false }
  }
  end(): void {
    this.sent = true
    this.#callback?.(this.describe())
  }
}

it('the backlog keeps its limits, answers every request and ends every accepted task, for any overload policy', async () => {
  using _reports = new Reports()
  await fc.assert(
    fc.asyncProperty(requests, options, async (plans, given) => {
      await using afterword = new Afterword(given)
      await new Model(afterword, given).play(plans)
    }),
    { numRuns: 300 },
  )
})

class Model {
  readonly #afterword: Afterword
  readonly #options: AfterwordOptions
  readonly #accepted: { handle: Deferred; kind: Kind; runs: () => number }[] = []
  readonly #limited
  readonly #rated
  readonly #batch
  readonly #runsOf = new Map<object, number>()
  #running = 0

  constructor(afterword: Afterword, options: AfterwordOptions) {
    this.#afterword = afterword
    this.#options = options
    const run = (begun: () => Promise<void> | undefined) => begun()
    this.#limited = afterword.job('limited', run, { concurrency: 2 })
    this.#rated = afterword.job('rated', run, { rate: { runs: 3, per: 2 } })
    this.#batch = afterword.batch('items', (items: { bad: boolean }[]) => this.#runBatch(items), {
      size: 3,
      within: 1,
      retries: 1,
      backoff: 0,
    })
  }

  async play(plans: readonly RequestPlan[]): Promise<void> {
    await Promise.all(plans.map((plan) => this.#request(plan)))
    expect((await this.#afterword.drain()).left).toEqual([])
    for (const { handle, kind, runs } of this.#accepted) {
      expect((await handle.outcome).status).toBe(kind === 'bad item' ? 'failed' : 'done')
      expect(runs()).toBe(kind === 'bad item' ? 2 : 1)
    }
    const { tasks, running, inFlight, held } = this.#afterword.status()
    expect({ tasks, running, inFlight, held }).toEqual({ tasks: [], running: 0, inFlight: 0, held: 0 })
  }

  async #request({ turns, tasks }: RequestPlan): Promise<void> {
    const response = new Response()
    const began: number[] = []
    this.#afterword.scope(response, () => {
      for (const [index, kind] of tasks.entries()) this.#defer(kind, index, began, response)
    })
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    await response.gate.beforeEnd()
    response.end()
  }

  /** A task that was refused will never run. */
  #defer(kind: Kind, index: number, began: number[], response: Response): void {
    let runs = 0
    const begin = () => {
      runs++
      expect(response.sent || this.#options.overload === 'before').toBe(true)
      began.push(index)
      expect(began).toEqual([...began].sort((a, b) => a - b))
    }
    try {
      const handle = this.#call(kind, begin)
      const item = this.#items.get(handle)
      this.#accepted.push({ handle, kind, runs: () => (item === undefined ? runs : (this.#runsOf.get(item) ?? 0)) })
    } catch (error) {
      expect(error).toMatchObject({ code: 'AFTERWORD_OVERLOADED' })
    }
  }

  readonly #items = new Map<Deferred, object>()

  #call(kind: Kind, begin: () => void): Deferred {
    switch (kind) {
      case 'sync':
        return this.#afterword.defer(begin)
      case 'async':
        return this.#afterword.defer(async () => {
          begin()
          await new Promise(setImmediate)
        })
      case 'yields':
        return this.#afterword.defer(async () => {
          begin()
          for (let i = 0; i < 3; i++) await this.#afterword.currentTask()?.yield()
        })
      case 'limited':
        return this.#limited.defer(async () => {
          begin()
          expect(++this.#running).toBeLessThanOrEqual(2)
          await new Promise(setImmediate)
          this.#running--
        })
      case 'rated':
        return this.#rated.defer(() => void begin())
      case 'item':
      case 'bad item': {
        const item = { bad: kind === 'bad item' }
        const handle = this.#batch.defer(item)
        this.#items.set(handle, item)
        return handle
      }
    }
  }

  #runBatch(items: { bad: boolean }[]): BatchError | undefined {
    expect(items.length).toBeLessThanOrEqual(3)
    for (const item of items) this.#runsOf.set(item, (this.#runsOf.get(item) ?? 0) + 1)
    const bad = items.filter((item) => item.bad)
    return bad.length === 0 ? undefined : new BatchError(bad)
  }
}
