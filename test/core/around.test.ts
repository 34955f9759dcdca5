import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { Afterword, type RunHook } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

test('around(): hooks nest in their order around each run, sync and async', async () => {
  await using afterword = new Afterword()
  const told: string[] = []
  const named =
    (name: string): RunHook =>
    (run, task) => {
      told.push(`${name} before ${task.name}`)
      const result = run()
      told.push(`${name} after ${task.name}`)
      return result
    }
  afterword.around(named('outer'))
  afterword.around(named('inner'))
  await afterword.defer(function save() {
    told.push('save')
  }).outcome
  expect(told).toEqual(['outer before save', 'inner before save', 'save', 'inner after save', 'outer after save'])
  const later = afterword.defer(async (): Promise<string> => 'sent')
  expect(await later.outcome).toEqual({ status: 'done', value: 'sent' })
})

test('around(): an AsyncLocalStorage that a hook sets is there in the run, after each await', async () => {
  await using afterword = new Afterword()
  const tenants = new AsyncLocalStorage<string>()
  afterword.around((run, task) => tenants.run(task.request?.path.slice(1) ?? 'none', run))
  const seen: (string | undefined)[] = []
  await using site = await serve(afterword, (_req, res) => {
    afterword.defer(async () => {
      seen.push(tenants.getStore())
      await new Promise(setImmediate)
      seen.push(tenants.getStore())
    })
    res.end()
  })
  await site.get('/acme')
  await afterword.drain()
  expect(seen).toEqual(['acme', 'acme'])
  expect(tenants.getStore()).toBeUndefined()
})

test('around(): a hook with a transaction commits after the run, and the next task begins after that', async () => {
  await using afterword = new Afterword()
  const told: string[] = []
  afterword.around(async (run, task) => {
    told.push(`begin ${task.name}`)
    await new Promise(setImmediate)
    const result = await run()
    await new Promise(setImmediate)
    told.push(`commit ${task.name}`)
    return result
  })
  await using site = await serve(afterword, (_req, res) => {
    afterword.defer(function first() {
      told.push('first')
    })
    afterword.defer(async function second() {
      told.push('second')
    })
    res.end()
  })
  await site.get()
  await afterword.drain()
  expect(told).toEqual(['begin first', 'first', 'commit first', 'begin second', 'second', 'commit second'])
})

test.each<[string, RunHook]>([
  ['throws before the run', () => fail('hook')],
  ['rejects before the run', async () => fail('hook')],
  [
    'throws after the run',
    (run) => {
      run()
      fail('hook')
    },
  ],
  [
    'rejects after the run',
    async (run) => {
      await run()
      fail('hook')
    },
  ],
])('around(): a hook that %s fails the attempt, which is tried again', async (_, hook) => {
  await using afterword = new Afterword()
  using reports = new Reports()
  let attempts = 0
  afterword.around((run, task) => {
    attempts = task.attempt
    return hook(run, task)
  })
  const task = afterword.defer.with({ retries: 1, backoff: 0 })(async function save() {})
  expect(await task.outcome).toMatchObject({ status: 'failed', error: { message: 'hook' } })
  expect(attempts).toBe(2)
  expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
})

/** A hook as JavaScript allows it: TypeScript asks for `return run()`. */
type LooseHook = (run: () => unknown) => unknown

test.each<[string, LooseHook]>([
  [
    'catches it',
    (run) => {
      try {
        run()
      } catch {}
    },
  ],
  ['awaits and catches it', (run) => Promise.resolve(run()).catch(() => {})],
  ['drops the promise', (run) => void run()],
])('around(): an error of the run counts, also where a hook %s', async (_, hook) => {
  await using afterword = new Afterword()
  using _reports = new Reports()
  afterword.around(hook as RunHook)
  const failing = { status: 'failed', error: { message: 'run' } }
  expect(await afterword.defer(async () => fail('run')).outcome).toMatchObject(failing)
  if (_ === 'catches it') expect(await afterword.defer(() => fail('run')).outcome).toMatchObject(failing)
})

test('around(): a hook that drops the promise of the run does not end the task early', async () => {
  await using afterword = new Afterword()
  const dropsPromise: LooseHook = (run) => void run()
  afterword.around(dropsPromise as RunHook)
  let ended = false
  const task = afterword.defer(async () => {
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
    ended = true
    return 'value'
  })
  expect(await task.outcome).toEqual({ status: 'done', value: 'value' })
  expect(ended).toBe(true)
})

test.each<[string, LooseHook]>([
  ['sync', () => {}],
  ['async', async () => {}],
])('around(): a task whose %s hook does not call run has failed', async (_, hook) => {
  await using afterword = new Afterword()
  using _reports = new Reports()
  afterword.around(hook as RunHook)
  const outcome = await afterword.defer(function save() {}).outcome
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'AFTERWORD_RUN_SKIPPED' } })
})

test('around(): run() called twice runs once', async () => {
  await using afterword = new Afterword()
  afterword.around((run) => {
    run()
    return run()
  })
  let runs = 0
  expect(await afterword.defer(() => ++runs).outcome).toEqual({ status: 'done', value: 1 })
})

test('around(): the hook is that of one instance, until it is removed; the same function may be added twice', async () => {
  await using afterword = new Afterword()
  await using other = new Afterword()
  let calls = 0
  const count: RunHook = (run) => {
    calls++
    return run()
  }
  const remove = afterword.around(count)
  const removeSecond = afterword.around(count)
  await other.defer(() => {}).outcome
  expect(calls).toBe(0)
  await afterword.defer(() => {}).outcome
  expect(calls).toBe(2)
  remove()
  remove()
  await afterword.defer(() => {}).outcome
  expect(calls).toBe(3)
  removeSecond()
  await afterword.defer(() => {}).outcome
  expect(calls).toBe(3)
})

test('around(): the run of a batch has one hook for all its items; jobs and onSent have theirs', async () => {
  await using afterword = new Afterword()
  const names: string[] = []
  afterword.around((run, { name }) => {
    names.push(name)
    return run()
  })
  const Track = afterword.batch('track', () => {}, { size: 2, within: 600_000 })
  await Promise.all([Track.defer(1).outcome, Track.defer(2).outcome])
  await afterword.job('mail', () => {}).defer().outcome
  afterword.onSent(() => {})
  await afterword.drain()
  expect(names).toEqual(['track', 'mail', 'onSent'])
})

test('around() refuses what is no function', () => {
  const afterword = new Afterword()
  expect(() => afterword.around('scope' as never)).toThrow(
    expect.objectContaining({ code: 'AFTERWORD_NOT_A_FUNCTION' }),
  )
})

function fail(message: string): never {
  throw new Error(message)
}
