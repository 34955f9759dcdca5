import { describe, expect, it } from 'vitest'
import { Afterword, type Deferred, type Job, type JobOptions } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

const cancelled = { status: 'cancelled', reason: 'cancel' }

describe('instance().cancel(id), in memory,', () => {
  it('cancels a task that waits, and tells that it has', async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    const task = afterword.defer(() => ran.push('ran'))
    expect(await afterword.cancel(task.id)).toBe(true)
    expect(await task.outcome).toEqual(cancelled)
    expect(await afterword.cancel(task.id)).toBe(false)
    await afterword.drain()
    expect(ran).toEqual([])
  })

  it('leaves a task that runs, one that has ended, and ids that are none', async () => {
    await using afterword = new Afterword()
    const turns = new Turns()
    const task = afterword.defer(() => turns.take('a'))
    await turns.taken('a')
    expect(await afterword.cancel(task.id)).toBe(false)
    turns.end('a')
    expect(await task.outcome).toMatchObject({ status: 'done' })
    for (const id of [task.id, '', 'no such id', '6er2kuwfp']) {
      expect(await afterword.cancel(id)).toBe(false)
    }
  })

  it('cancels a task that waits for its retry, for its batch or for a limit', async () => {
    await using afterword = new Afterword()
    using _reports = new Reports()
    const turns = new Turns()
    const began = Promise.withResolvers<void>()
    const failing = () => {
      began.resolve()
      throw new Error('no luck')
    }
    const retried = afterword.defer.with({ retries: 1, backoff: 3_600_000 })(failing)
    const batched = afterword.batch('batch', () => {}, { within: 3_600_000 }).defer('item')
    const Limited = afterword.job('limited', (what: string) => turns.take(what), { concurrency: 1 })
    const [, limited] = [Limited.defer('a'), Limited.defer('b')]
    await Promise.all([began.promise, turns.taken('a')])
    for (const task of [retried, batched, limited] as Deferred[]) {
      expect(await afterword.cancel(task.id)).toBe(true)
      expect(await task.outcome).toEqual(cancelled)
    }
    turns.end('a')
    expect(await afterword.drain()).toMatchObject({ left: [] })
    expect(turns.all).toEqual(['a'])
  })
})

describe('job.cancel({ key }), in memory,', () => {
  it('cancels the call with that key, and frees the key', async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    const Send = afterword.job('send', (to: string) => ran.push(to), { key: (to) => to })
    const [a, b] = [Send.defer('a'), Send.defer('b')]
    expect(await Send.cancel({ key: 'a' })).toBe(true)
    expect(await Send.cancel({ key: 'a' })).toBe(false)
    expect(await a.outcome).toEqual(cancelled)
    expect(await Send.defer('a').outcome).toMatchObject({ status: 'done' })
    expect(await b.outcome).toMatchObject({ status: 'done' })
    expect(ran).toEqual(['b', 'a'])
  })

  it.each([[undefined], [{}], [{ key: '' }], [{ key: 7 }], [{ id: 'a' }]])('refuses %j', async (of) => {
    await using afterword = new Afterword()
    const Send: Job<[string]> = afterword.job('send', (_to: string) => {}, { key: 'one' } satisfies JobOptions)
    await expect(Send.cancel(of as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^AFTERWORD_(INVALID|UNKNOWN)_OPTION$/),
    })
  })
})
