import { AsyncLocalStorage } from 'node:async_hooks'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { catchAfter } from '../../src/adapters/next/next-after.ts'
import { configure, instance } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

// Next's own class outside of a server, for what a request can't bring about at will.

interface Context {
  after(task: unknown, workUnitStore: object): void
}

let storage: AsyncLocalStorage<object>
let AfterContext: new (options: object) => Context

beforeAll(async () => {
  // Next's server sets it before anything else.
  Object.assign(globalThis, { AsyncLocalStorage })
  // There is no symbol yet, as in Next 15: the storage is found by its module.
  await catchAfter()
  const { workAsyncStorage } = await import('next/dist/server/app-render/work-async-storage.external.js')
  storage = workAsyncStorage as unknown as typeof storage
  const module = (await import('next/dist/server/after/after-context.js')) as unknown as {
    AfterContext: typeof AfterContext
  }
  AfterContext = module.AfterContext
})

describe('after() of Next', () => {
  let close: () => void
  let waited: Promise<unknown>[]
  let callAfter: (task: unknown) => void

  beforeEach(async () => {
    await instance().close()
    configure({})
    const listeners: (() => void)[] = []
    waited = []
    const afterContext = new AfterContext({
      waitUntil: (promise: Promise<unknown>) => waited.push(promise),
      onClose: (listener: () => void) => listeners.push(listener),
    })
    const store = { afterContext }
    close = () => {
      for (const listener of listeners) listener()
    }
    callAfter = (task) => storage.run(store, () => afterContext.after(task, { phase: 'action' }))
  })

  test.each(Array.from({ length: 10 }, (_, i) => i))(
    'takes a call that comes %i promises after the last one',
    async (count) => {
      const ran: string[] = []
      callAfter(() => {
        ran.push('last')
        let promise = Promise.resolve()
        for (let i = 0; i < count; i++) promise = promise.then(() => {})
        void promise.then(() => callAfter(() => ran.push('later')))
      })
      close()
      expect(await instance().drain()).toMatchObject({ done: 2, left: [] })
      expect(ran).toEqual(['last', 'later'])
    },
  )

  test('is left to Next when the backlog is full', async () => {
    using reports = new Reports()
    await instance().close()
    const { promise, resolve } = Promise.withResolvers<string>()
    callAfter(() => resolve('ran'))
    close()
    expect(await promise).toBe('ran')
    expect(reports.codes).toEqual(['AFTERWORD_CLOSED'])
  })

  test("hands the work to a platform's own request context, until it has ended", async () => {
    const handed: Promise<unknown>[] = []
    const key = Symbol.for('@next/request-context')
    const platform = globalThis as { [key]?: { get(): object } | undefined }
    const before = platform[key]
    platform[key] = { get: () => ({ waitUntil: (work: Promise<unknown>) => handed.push(work) }) }
    try {
      const ran: string[] = []
      const { promise, resolve } = Promise.withResolvers<void>()
      callAfter(async () => {
        await promise
        ran.push('callback')
      })
      callAfter(promise.then(() => ran.push('promise')))
      expect(handed).toHaveLength(2)
      close()
      resolve()
      await Promise.all(handed)
      expect(ran.toSorted()).toEqual(['callback', 'promise'])
      using reports = new Reports()
      callAfter(Promise.reject(new Error('no luck')))
      await Promise.all(handed)
      await instance().drain()
      expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
    } finally {
      platform[key] = before
    }
  })

  test('leaves no promise to the unlimited waitUntil', async () => {
    callAfter(() => {})
    callAfter(Promise.resolve())
    expect(waited).toEqual([])
    close()
    expect(await instance().drain()).toMatchObject({ done: 2, left: [] })
  })
})

test.each([
  ['no store', undefined],
  ['no context', {}],
  ['null for a context', { afterContext: null }],
  ['a function for a context', { afterContext: () => {} }],
  ['another context', { afterContext: { after: () => {} } }],
  ['a context that is no object of a class', { afterContext: Object.create(null) }],
])('catchAfter() changes nothing where Next looks different inside: %s', (_title, store) => {
  expect(storage.run(store as object, (...args) => [storage.getStore(), ...args], 1, 2)).toEqual([store, 1, 2])
})

test('catchAfter() catches once, however often it is called', async () => {
  const { run } = storage
  await catchAfter()
  expect(storage.run).toBe(run)
})
