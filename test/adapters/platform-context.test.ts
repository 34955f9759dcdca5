import { waitUntil } from '@vercel/functions'
import { expect, test } from 'vitest'
import { instance } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

const key = Symbol.for('@vercel/request-context')
const platform = globalThis as { [key]?: { get(): object } }

test('waitUntil() of @vercel/functions works once afterword/auto is imported', async () => {
  using reports = new Reports()
  const { promise, reject } = Promise.withResolvers<void>()
  await import('../../src/adapters/auto.ts')
  waitUntil(promise)
  expect(instance().status().running).toBe(1)
  const drained = instance().drain()
  reject(new Error('no disk'))
  expect(await drained).toMatchObject({ failed: 1, left: [] })
  expect(reports.all.map(({ error }) => [error.code, String(error.cause)])).toEqual([
    ['AFTERWORD_TASK_FAILED', 'Error: no disk'],
  ])
})

test('waitUntil() of @vercel/functions reports work that is not accepted, and throws nothing', async () => {
  using reports = new Reports()
  await instance().close()
  waitUntil(Promise.reject(new Error('too late')))
  await new Promise(setImmediate)
  expect(reports.codes).toEqual(['AFTERWORD_CLOSED', 'AFTERWORD_CALLBACK_FAILED'])
})

test("afterword/auto leaves a platform's own context alone", async () => {
  const { provideRequestContext } = await import('../../src/adapters/web/platform-context.ts')
  const own = { get: () => ({}) }
  platform[key] = own
  provideRequestContext('@vercel/request-context')
  expect(platform[key]).toBe(own)
})
