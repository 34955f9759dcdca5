import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Afterword, defer, instance } from '../../src/index.ts'
import { flush, runInline } from '../../src/testing/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'afterword-fake-timers-'))
const everything = ['setTimeout', 'setInterval', 'setImmediate', 'Date'] as const

/** The fakes that stop the time of the process; each returns what lets it go on. */
const fakes: Record<string, () => () => void> = {
  'Vitest, with all that it can fake': () => {
    const all = [
      'setTimeout',
      'setInterval',
      'setImmediate',
      'clearTimeout',
      'clearInterval',
      'clearImmediate',
    ] as const
    vi.useFakeTimers({ toFake: [...all, 'Date', 'performance', 'queueMicrotask', 'hrtime'] })
    return () => vi.useRealTimers()
  },
  'node:test': () => {
    mock.timers.enable({ apis: [...everything] })
    return () => mock.timers.reset()
  },
}
let restore = () => {}
afterEach(async () => {
  restore()
  restore = () => {}
  await instance().close()
  instance().configure({})
})

describe.each(Object.entries(fakes))('fake timers of %s', (_name, fake) => {
  it('flush() runs what is deferred meanwhile, and what failed once', async () => {
    restore = fake()
    const ran: string[] = []
    defer(() => ran.push('deferred'))
    let attempts = 0
    defer.with({ retries: 1, backoff: 5 })(() => {
      if (++attempts === 1) throw new Error('at first')
      ran.push('retried')
    })
    await flush()
    expect(ran).toEqual(['deferred', 'retried'])
  })

  it('runInline() ends', async () => {
    restore = fake()
    const { outcomes } = await runInline(() => defer(() => 7))
    expect(outcomes).toEqual([{ status: 'done', value: 7 }])
  })

  it('a task that was deferred meanwhile runs later, too: the next test is not held up', async () => {
    restore = fake()
    const { outcome } = defer(() => 'ran')
    restore()
    expect(await outcome).toEqual({ status: 'done', value: 'ran' })
  })

  it('a journal keeps, runs and closes, with time-outs and limits', async () => {
    await using afterword = new Afterword({ journal: join(folder, String(Math.random())) })
    restore = fake()
    const ran: number[] = []
    const Job = afterword.job('job', (n: number) => void ran.push(n), { concurrency: 1, rate: { runs: 1, per: 5 } })
    Job.defer(1)
    await Job.dispatch(2)
    await Job.with({ delay: 5 }).dispatch(3)
    const Batch = afterword.batch('batch', (items: number[]) => void ran.push(...items), { within: 5 })
    await Batch.defer(4).outcome
    while (ran.length < 4) await new Promise((resolve) => turn(resolve))
    expect(ran.sort()).toEqual([1, 2, 3, 4])
    const slow = afterword.defer.with({ timeout: 5 })(() => new Promise(() => {}))
    expect((await slow.outcome).status).toBe('timed-out')
  })
})

// Sinon's defaults stop the microtasks and process.nextTick as well, which a test runner in the same process does not survive.
it('fake timers of Sinon, with its defaults, hold up neither flush(), runInline(), a journal nor the next test', async () => {
  const program = fileURLToPath(new URL('programs/sinon.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', program])
  expect(stdout).toBe('fine\n')
})

/** The real one. */
const turn = setImmediate
afterEach(() => rmSync(folder, { recursive: true, force: true }))
