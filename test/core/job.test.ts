import { describe, expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

describe('job()', () => {
  it('names its tasks, and passes arguments to the handler', async () => {
    await using afterword = new Afterword()
    const Add = afterword.job('add', (a: number, b: number) => ({ sum: a + b, name: afterword.currentTask()?.name }))
    expect(Add.name).toBe('add')
    expect(await Add.defer(1, 2).outcome).toEqual({ status: 'done', value: { sum: 3, name: 'add' } })
  })

  it('with() binds options, each over the earlier ones', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    let runs = 0
    const Fail = afterword.job('fail', () => Promise.reject(new Error(`${++runs}`)), { retries: 1, backoff: 0 })
    await Fail.with({ name: 'renamed' }).with({ retries: 2 }).defer().outcome
    expect(runs).toBe(3)
    expect(reports.all[0]?.error.message).toContain('"renamed"')
    await Fail.defer().outcome
    expect(runs).toBe(5)
    expect(reports.all[1]?.error.message).toContain('"fail"')
  })

  it('dispatch() runs apart from the response, which may still be open', async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    const Log = afterword.job('log', (line: string) => void ran.push(line))
    await using site = await serve(afterword, async (_req, res) => {
      Log.defer('deferred')
      await Log.dispatch('dispatched')
      while (ran.length === 0) await new Promise(setImmediate)
      res.end(ran.join())
    })
    expect(await site.get()).toBe('dispatched')
    await afterword.drain()
    expect(ran).toEqual(['dispatched', 'deferred'])
  })

  it('dispatch() runs although the response failed', async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    const Log = afterword.job('log', (line: string) => void ran.push(line), { when: 'success' })
    await using site = await serve(afterword, async (_req, res) => {
      Log.defer('deferred')
      await Log.dispatch('dispatched')
      res.statusCode = 500
      res.end()
    })
    await site.get()
    await afterword.drain()
    expect(ran).toEqual(['dispatched'])
  })

  it('dispatch() rejects when the call is not accepted', async () => {
    const afterword = new Afterword()
    const Log = afterword.job('log', () => {})
    await afterword.close()
    await expect(Log.dispatch()).rejects.toMatchObject({ code: 'AFTERWORD_CLOSED' })
  })
})
