import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { slotsIn } from '../../src/journal/files/process-lock.ts'
import { Reports } from '../support/reports.ts'

type Step =
  | { readonly what: 'open'; readonly works: boolean; readonly concurrency: number }
  | { readonly what: 'close'; readonly which: number }
  | {
      readonly what: 'defer' | 'dispatch'
      readonly which: number
      readonly delay: number
      readonly key: string | undefined
    }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ what: fc.constant('open' as const), works: fc.boolean(), concurrency: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ what: fc.constant('close' as const), which: fc.nat() }),
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constantFrom('defer' as const, 'dispatch' as const),
      which: fc.nat(),
      delay: fc.constantFrom(0, 0, 5, 50),
      key: fc.constantFrom(undefined, undefined, 'x', 'y'),
    }),
  },
)

/** A folder with instances that come and go. */
class Folder implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), 'afterword-property-'))
  /** The number of runs of each record. */
  readonly runs = new Map<string, number>()
  readonly #accepted = new Set<string>()
  readonly #calls: Promise<void>[] = []
  readonly #instances: { afterword: Afterword; note: ReturnType<Folder['define']> }[] = []
  #ran = Promise.withResolvers<void>()

  open(works: boolean, concurrency: number): void {
    const worker = works && { concurrency }
    const afterword = new Afterword({ journal: this.path, shutdownTimeout: 0, worker })
    this.#instances.push({ afterword, note: this.define(afterword) })
  }

  define(afterword: Afterword) {
    return afterword.job('note', () => {
      const id = afterword.currentTask()?.id ?? ''
      this.runs.set(id, (this.runs.get(id) ?? 0) + 1)
      this.#ran.resolve()
      this.#ran = Promise.withResolvers()
    })
  }

  async step(step: Step): Promise<void> {
    if (step.what === 'open') return this.#instances.length < 3 ? this.open(step.works, step.concurrency) : undefined
    const instance = this.#instances[step.which % this.#instances.length]
    if (instance === undefined) return
    if (step.what === 'close') {
      this.#instances.splice(this.#instances.indexOf(instance), 1)
      return instance.afterword.close()
    }
    const { key, delay } = step
    const job = instance.note.with({ ...(key !== undefined && { key }), ...(step.what === 'dispatch' && { delay }) })
    this.#calls.push(this.#accept(step.what === 'dispatch' ? job.dispatch() : deferred(job.defer())))
  }

  /** All that was accepted has run, once. */
  async end(): Promise<void> {
    await Promise.all(this.#calls)
    for (const { afterword } of this.#instances.splice(0)) await afterword.close()
    this.open(true, 64)
    while ([...this.#accepted].some((id) => !this.runs.has(id))) await this.#ran.promise
    await this.#instances[0]?.afterword.close()
    expect([...this.runs].filter(([, runs]) => runs !== 1)).toEqual([])
    expect(new Set(this.runs.keys())).toEqual(this.#accepted)
    for (const name of [...slotsIn(this.path), 'shared']) {
      using database = new DatabaseSync(join(this.path, `${name}.db`))
      expect(database.prepare('SELECT key, owner FROM afterword_records').all()).toEqual([])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { afterword } of this.#instances) await afterword.close()
    rmSync(this.path, { recursive: true })
  }

  async #accept(call: Promise<string>): Promise<void> {
    // What is called while its instance closes may be refused.
    const id = await call.catch(() => undefined)
    if (id !== undefined) this.#accepted.add(id)
  }
}

async function deferred(task: { readonly id: string; readonly accepted: Promise<void> }): Promise<string> {
  await task.accepted
  return task.id
}

test('instances that come and go on a folder run each accepted job once', async () => {
  using reports = new Reports()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      await using folder = new Folder()
      folder.open(false, 1)
      for (const each of steps) await folder.step(each)
      await folder.end()
    }),
    { numRuns: Number(process.env.RUNS ?? 6), interruptAfterTimeLimit: 15_000 },
  )
  expect(reports.all.map(({ error }) => String(error))).toEqual([])
})
