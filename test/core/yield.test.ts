import { expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

it('gives requests a turn in the midst of a long task', async () => {
  await using afterword = new Afterword()
  let answered = 0
  await using site = await serve(afterword, (_req, res) => {
    answered++
    res.end('fine')
  })
  // The task keeps the thread until three requests were answered in its midst.
  const long = afterword.defer(async () => {
    while (answered < 3) await afterword.currentTask()?.yield()
    return answered
  })
  for (let i = 0; i < 3; i++) expect(await site.get()).toBe('fine')
  expect(await long.outcome).toEqual({ status: 'done', value: 3 })
})

it('goes on at once while the slice of the task lasts', async () => {
  await using afterword = new Afterword({ turnBudget: 60_000 })
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const { outcome } = afterword.defer(async () => {
    const before = turns
    for (let i = 0; i < 1000; i++) await afterword.currentTask()?.yield()
    return turns - before
  })
  expect(await outcome).toEqual({ status: 'done', value: 0 })
  clearImmediate(immediate)
})

it('shares the turns with other tasks, however few places there are', async () => {
  await using afterword = new Afterword({ concurrency: 1, turnBudget: 0 })
  const ran: string[] = []
  const long = afterword.defer(async () => {
    for (let i = 0; i < 50; i++) await afterword.currentTask()?.yield()
    ran.push('long')
  })
  const short = afterword.defer(() => void ran.push('short'))
  await Promise.all([long.outcome, short.outcome])
  expect(ran).toEqual(['long', 'short'])
})

it('ends a task whose time is up', async () => {
  await using afterword = new Afterword()
  using reports = new Reports()
  const ended = Promise.withResolvers<unknown>()
  const endless = afterword.defer.with({ timeout: 5 })(async () => {
    const task = afterword.currentTask()
    try {
      for (;;) await task?.yield()
    } catch (error) {
      ended.resolve(error)
    }
  })
  expect((await endless.outcome).status).toBe('timed-out')
  expect(await ended.promise).toMatchObject({ code: 'AFTERWORD_TASK_TIMED_OUT' })
  expect(reports.codes).toEqual(['AFTERWORD_TASK_TIMED_OUT'])
})
