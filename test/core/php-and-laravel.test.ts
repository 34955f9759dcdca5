import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'afterword-'))
})
afterAll(() => rm(folder, { recursive: true }))

const total = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0)

describe("the example of PHP's background-processing", () => {
  it('answers 0, then adds up and writes 7', async () => {
    await using afterword = new Afterword()
    const file = join(folder, 'sum')
    await using site = await serve(afterword, (_req, res) => {
      let sum = 0
      afterword.defer((...numbers: number[]) => (sum += total(numbers)), 1, 2, 4)
      afterword.defer(() => writeFile(file, String(sum)))
      res.end(String(sum))
    })
    expect(await site.get()).toBe('0')
    await afterword.drain()
    expect(await readFile(file, 'utf8')).toBe('7')
  })

  it('finishRequest() lets the handler go on in the background, out of reach of the client', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const wentOn = Promise.withResolvers<unknown>()
    await using site = await serve(afterword, async (req, res) => {
      if (req.url === '/next') return res.end('next')
      let sum = 0
      afterword.defer((...numbers: number[]) => (sum += total(numbers)), 1, 2, 4)
      res.write(`the response says ${sum}`)
      const outcomes = await afterword.finishRequest()
      res.write(' and never this')
      res.setHeader('x-late', 'never this either')
      res.end(' nor this')
      wentOn.resolve({ sum, outcomes })
    })
    expect(await site.get()).toBe('the response says 0')
    expect(await wentOn.promise).toEqual({ sum: 7, outcomes: [{ status: 'done', value: 7 }] })
    expect(await site.get('/next')).toBe('next')
    expect(reports.codes).toEqual(['AFTERWORD_LATE_WRITE'])
  })
})

describe("Laravel Defer's example", () => {
  it('runs MyJob with its message after the response', async () => {
    await using afterword = new Afterword()
    const messages: string[] = []
    const MyJob = afterword.job('my-job', (message: string) => void messages.push(message))
    await using site = await serve(afterword, (_req, res) => {
      MyJob.defer('my message')
      res.end(`answered with ${messages.length} messages`)
    })
    expect(await site.get()).toBe('answered with 0 messages')
    await afterword.drain()
    expect(messages).toEqual(['my message'])
  })

  it('runs the same job when it is dispatched', async () => {
    await using afterword = new Afterword()
    const messages: string[] = []
    const MyJob = afterword.job('my-job', (message: string) => void messages.push(message))
    expect(await MyJob.dispatch('my message')).toMatch(/^[a-z0-9]+-[a-z0-9]+$/)
    await afterword.drain()
    expect(messages).toEqual(['my message'])
  })

  it('runs it outside a request', async () => {
    await using afterword = new Afterword()
    const MyJob = afterword.job('my-job', (message: string) => message.toUpperCase())
    expect(await MyJob.defer('my message').outcome).toEqual({ status: 'done', value: 'MY MESSAGE' })
  })
})

describe('the faults of the originals do not happen:', () => {
  it('defer() in a task runs', async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    await using site = await serve(afterword, (_req, res) => {
      afterword.defer(() => {
        ran.push('outer')
        afterword.defer(() => {
          ran.push('inner')
          afterword.defer(() => void ran.push('innermost'))
        })
      })
      afterword.defer(() => void ran.push('second'))
      res.end()
    })
    await site.get()
    await afterword.drain()
    expect(ran).toEqual(['outer', 'second', 'inner', 'innermost'])
  })

  it('defer() after the scope has ended runs', async () => {
    await using afterword = new Afterword()
    const late = Promise.withResolvers<string>()
    await using site = await serve(afterword, (_req, res) => {
      afterword.defer(() => {
        setTimeout(() => afterword.defer(late.resolve, 'ran'), 10)
      })
      res.end()
    })
    await site.get()
    await afterword.drain()
    expect(await late.promise).toBe('ran')
  })

  it('a failing task does not stop the next', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const ran: string[] = []
    await using site = await serve(afterword, (_req, res) => {
      afterword.defer(() => {
        throw new Error('boom')
      })
      afterword.defer(() => void ran.push('next'))
      res.end()
    })
    await site.get()
    await afterword.drain()
    expect(ran).toEqual(['next'])
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
  })

  it("onError: 'stop' skips and names the rest of the scope", async () => {
    await using afterword = new Afterword({ onError: 'stop' })
    using reports = new Reports()
    const ran: string[] = []
    const rest = Promise.withResolvers<unknown>()
    await using site = await serve(afterword, (req, res) => {
      if (req.url === '/other') afterword.defer(() => void ran.push('other scope'))
      else {
        afterword.defer(() => Promise.reject(new Error('boom')))
        rest.resolve(afterword.defer.with({ name: 'rest' })(() => void ran.push('rest')).outcome)
      }
      res.end()
    })
    await site.get()
    await site.get('/other')
    await afterword.drain()
    expect(ran).toEqual(['other scope'])
    expect(await rest.promise).toEqual({ status: 'cancelled', reason: 'stopped' })
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED', 'AFTERWORD_TASK_SKIPPED'])
    expect(reports.all[1]?.error.message).toContain('"rest"')
  })

  it('finishRequest() can be called twice, in a task and outside a request', async () => {
    await using afterword = new Afterword()
    const results = Promise.withResolvers<unknown>()
    await using site = await serve(afterword, async (_req, res) => {
      const inTask = afterword.defer(() => afterword.finishRequest())
      res.write('once')
      const both = await Promise.all([afterword.finishRequest(), afterword.finishRequest()])
      results.resolve([await inTask.outcome, ...both, await afterword.finishRequest()])
    })
    expect(await site.get()).toBe('once')
    const done = { status: 'done', value: [] }
    expect(await results.promise).toEqual([done, [done], [done], []])
    expect(await afterword.finishRequest()).toEqual([])
  })

  it('a request keeps no task of the one before', async () => {
    await using afterword = new Afterword()
    let runs = 0
    await using site = await serve(afterword, (_req, res) => {
      afterword.defer(() => void runs++)
      res.end()
    })
    for (let i = 1; i <= 5; i++) {
      await site.get()
      await afterword.drain()
      expect(runs).toBe(i)
    }
  })
})
