import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Afterword, type Deferred, type ScopeResponse, type SentResponse } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

/** A task of the model: its behaviour, and the tasks that it defers while it runs. */
interface Plan {
  readonly kind: 'sync' | 'async' | 'throws' | 'rejects' | 'hangs' | 'fails once'
  readonly cancelled: boolean
  readonly nested: readonly Plan[]
}

/** One request: its tasks, and after how many turns its response is sent. */
interface RequestPlan {
  readonly turns: number
  readonly tasks: readonly Plan[]
}

function plan(depth: number): fc.Arbitrary<Plan> {
  return fc.record({
    kind: fc.constantFrom('sync', 'async', 'throws', 'rejects', 'hangs', 'fails once'),
    cancelled: fc.boolean(),
    nested: depth === 0 ? fc.constant([]) : fc.array(plan(depth - 1), { maxLength: 2 }),
  })
}
const requests = fc.array(fc.record({ turns: fc.nat(5), tasks: fc.array(plan(2), { maxLength: 5 }) }), { maxLength: 6 })

class Response implements ScopeResponse {
  send = () => {}
  whenSent(callback: (sent: SentResponse) => void): void {
    this.send = () => callback(this.describe())
  }
  describe(): SentResponse {
    return { method: 'GET', path: '/', status: 200, delivered: true, aborted: false }
  }
  end(): void {
    this.send()
  }
}

it('scopes keep order, limits and accounts for every interleaving of failures, timeouts, nesting and cancelling', async () => {
  using _reports = new Reports()
  await fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 1, max: 3 }), async (plans, concurrency) => {
      await using afterword = new Afterword({ concurrency, slowTask: Infinity })
      await new Model(afterword, concurrency).play(plans)
    }),
    { numRuns: 500 },
  )
})

class Model {
  readonly #afterword: Afterword
  readonly #concurrency: number
  readonly #deferred: { handle: Deferred; cancelled: boolean; runs: () => number; kind: Plan['kind'] }[] = []
  #busy = 0

  constructor(afterword: Afterword, concurrency: number) {
    this.#afterword = afterword
    this.#concurrency = concurrency
  }

  async play(plans: readonly RequestPlan[]): Promise<void> {
    await Promise.all(plans.map((plan) => this.#request(plan)))
    const report = await this.#afterword.drain()
    expect(report.left).toEqual([])
    const outcomes = await Promise.all(this.#deferred.map(({ handle }) => handle.outcome))
    for (const [index, { cancelled, runs, kind }] of this.#deferred.entries()) {
      const expected = cancelled
        ? 'cancelled'
        : { throws: 'failed', rejects: 'failed', hangs: 'timed-out' }[kind as 'throws']
      expect(outcomes[index]?.status).toBe(expected ?? 'done')
      expect(runs()).toBe(cancelled ? 0 : kind === 'fails once' ? 2 : 1)
    }
    const { done, failed, timedOut, cancelled, ...rest } = this.#afterword.status()
    expect(done + failed + timedOut + cancelled).toBe(this.#deferred.length)
    const counts = { unsent: 0, backlog: 0, running: 0, retrying: 0, delayed: 0, oldestAge: 0, tasks: [] }
    const responses = { inFlight: 0, held: 0, heldForRecords: 0, before: 0 }
    const store = { journalLag: 0, sending: 0, oldestSending: 0, journalOpen: true, engineReached: true, engineAway: 0 }
    expect(rest).toEqual({ ...counts, ...responses, slowest: [], ending: false, paused: [], ...store })
  }

  async #request({ turns, tasks }: RequestPlan): Promise<void> {
    const response = new Response()
    const scope = { sent: false, began: [] as number[], running: 0 }
    this.#afterword.scope(response, () => {
      for (const task of tasks) this.#defer(task, scope)
    })
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    scope.sent = true
    response.send()
  }

  #defer(plan: Plan, scope: { sent: boolean; began: number[]; running: number }): void {
    const number = this.#deferred.length
    let runs = 0
    const options = {
      timeout: plan.kind === 'hangs' ? 1 : 30_000,
      retries: plan.kind === 'fails once' ? 1 : 0,
      backoff: 0,
    }
    const handle = this.#afterword.defer.with(options)(() => {
      expect(scope.sent).toBe(true)
      if (++runs === 1) {
        scope.began.push(number)
        expect(scope.began).toEqual([...scope.began].sort((a, b) => a - b))
        for (const nested of plan.nested) this.#defer(nested, scope)
      }
      return this.#behave(plan.kind, runs, scope)
    })
    const cancelled = plan.cancelled && handle.cancel()
    expect(cancelled).toBe(plan.cancelled)
    this.#deferred.push({ handle, cancelled, runs: () => runs, kind: plan.kind })
  }

  #behave(kind: Plan['kind'], run: number, scope: { running: number }): unknown {
    switch (kind) {
      case 'sync':
        return undefined
      case 'throws':
        throw new Error('thrown')
      case 'rejects':
        return Promise.reject(new Error('rejected'))
      case 'hangs':
        return new Promise(() => {})
      case 'fails once':
        if (run === 1) throw new Error('once')
        return undefined
      case 'async':
        return this.#wait(scope)
    }
  }

  /** Waits for a promise; meanwhile it is the only one of its scope, and one of the few of all scopes. */
  async #wait(scope: { running: number }): Promise<void> {
    expect(++scope.running).toBe(1)
    expect(++this.#busy).toBeLessThanOrEqual(this.#concurrency)
    await new Promise(setImmediate)
    scope.running--
    this.#busy--
  }
}
