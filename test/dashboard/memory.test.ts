import { afterAll, expect, test } from 'vitest'
import { dashboard } from '../../src/dashboard/dashboard.ts'
import { Actions } from '../../src/dashboard/records/actions.ts'
import { MemoryDesk } from '../../src/dashboard/records/memory-desk.ts'
import type { ActionView } from '../../src/dashboard/views.ts'
import { Afterword, configure, defer, instance } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { EventStream } from './event-stream.ts'

afterAll(() => instance().close())

test('without a store, the tasks in memory are listed, and those that wait can be discarded', async () => {
  configure({ concurrency: 1, signals: false })
  const first = Promise.withResolvers<void>()
  const ran: string[] = []
  const handler = dashboard()
  await using site = await serve(instance(), (req, res) => {
    if (req.url?.startsWith('/afterword')) return void handler(req, res)
    defer(() => first.promise)
    defer(function second() {
      ran.push('second')
    })
    res.end()
  })
  await site.get('/')
  const url = `${site.url}/afterword`
  await using events = await EventStream.open(`${url}/events`)
  const { jobs } = (await (await fetch(`${url}/jobs?state=pending`)).json()) as { jobs: { id: string; job: string }[] }
  expect(jobs.map(({ job }) => job)).toEqual(['second'])
  const order = { action: 'discard', ids: jobs.map(({ id }) => id), expected: 1 }
  const headers = { 'content-type': 'application/json', origin: site.url }
  await fetch(`${url}/actions`, { method: 'POST', headers, body: JSON.stringify(order) })
  expect(await events.next('action', ({ endedAt }) => endedAt !== undefined)).toMatchObject({ done: 1, unchanged: 0 })
  first.resolve()
  await instance().drain()
  expect(ran).toEqual([])
})

test('without a store, all tasks that match are discarded, page by page, while they leave the list', async () => {
  const afterword = new Afterword({ concurrency: 1, signals: false })
  using metrics = afterword.metrics()
  const desk = new MemoryDesk(metrics)
  const ended = Promise.withResolvers<ActionView>()
  const actions = new Actions(
    () => desk,
    (view) => view.endedAt !== undefined && ended.resolve(view),
  )
  const first = Promise.withResolvers<void>()
  const began = Promise.withResolvers<void>()
  afterword.defer(() => {
    began.resolve()
    return first.promise
  })
  await began.promise
  for (let i = 0; i < 350; i++) afterword.defer(function waits() {})
  const request = { limit: 20, job: 'waits' }
  const { jobs, next = '' } = await desk.page(request)
  const others = await desk.page({ ...request, cursor: next })
  expect(new Set([...jobs, ...others.jobs].map(({ id }) => id)).size).toBe(40)
  actions.begin({ action: 'discard', filter: { job: 'waits' }, expected: 350 }, undefined)
  expect(await ended.promise).toMatchObject({ done: 350, unchanged: 0 })
  first.resolve()
  await afterword.close()
})
