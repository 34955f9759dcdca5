import { describe, expect, it, vi } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Turns } from '../support/turns.ts'

vi.mock('../../src/clock.ts', () => import('../support/faked-clock.ts'))

describe('job({ concurrency })', () => {
  it('holds for all calls of the job in all scopes, and lets other work pass', async () => {
    await using afterword = new Afterword()
    const turns = new Turns()
    const Call = afterword.job('call', (id: number) => turns.take(`call ${id}`), { concurrency: 2 })
    const calls = [1, 2, 3, 4].map((id) => Call.with({ retries: 0 }).defer(id))
    const other = afterword.defer(() => 'other')
    await other.outcome
    expect(turns.waiting).toEqual(['call 1', 'call 2'])
    turns.end('call 2')
    await calls[1]?.outcome
    await turns.taken('call 3')
    expect(turns.waiting).toEqual(['call 1', 'call 3'])
    for (const id of [1, 3, 4]) {
      await turns.taken(`call ${id}`)
      turns.end(`call ${id}`)
    }
    await afterword.drain()
    expect(turns.most).toBe(2)
    expect(turns.all).toEqual(['call 1', 'call 2', 'call 3', 'call 4'])
  })

  it('keeps the tasks behind a waiting one in order', async () => {
    await using afterword = new Afterword()
    const turns = new Turns()
    const ran: string[] = []
    const after = new Map<string, Promise<unknown>>()
    const Call = afterword.job('call', (id: string) => turns.take(id), { concurrency: 1 })
    await Promise.all(
      ['a', 'b'].map(
        (id) =>
          afterword.defer(() => {
            Call.defer(id)
            after.set(id, afterword.defer(() => ran.push(`after ${id}`)).outcome)
          }).outcome,
      ),
    )
    await turns.taken('a')
    turns.end('a')
    // In either order: they are of two scopes.
    await Promise.all([turns.taken('b'), after.get('a')])
    expect(ran).toEqual(['after a'])
    turns.end('b')
    await afterword.drain()
    expect(ran).toEqual(['after a', 'after b'])
  })

  it('passes on the room of a call that was cancelled meanwhile', async () => {
    await using afterword = new Afterword()
    const turns = new Turns()
    const Call = afterword.job('call', (id: string) => turns.take(id), { concurrency: 1 })
    const [, second, third] = ['first', 'second', 'third'].map((id) => Call.defer(id))
    await turns.taken('first')
    expect(second?.cancel()).toBe(true)
    turns.end('first')
    await turns.taken('third')
    turns.end('third')
    expect((await third?.outcome)?.status).toBe('done')
  })

  it('counts each attempt', async () => {
    await using afterword = new Afterword()
    const turns = new Turns()
    let attempts = 0
    const Call = afterword.job(
      'call',
      async (id: string) => {
        await turns.take(`${id} ${++attempts}`)
        if (attempts === 1) throw new Error('once more')
      },
      { concurrency: 1, retries: 1, backoff: 0 },
    )
    Call.defer('a')
    Call.defer('b')
    for (const turn of ['a 1', 'b 2', 'a 3']) {
      await turns.taken(turn)
      turns.end(turn)
    }
    const { done, left } = await afterword.drain()
    expect({ left, most: turns.most, done }).toEqual({ left: [], most: 1, done: expect.any(Number) })
    expect(afterword.status()).toMatchObject({ done: 2, failed: 0 })
  })
})

describe('job({ rate })', () => {
  it('lets runs begin within a time, and the others later, in order', async () => {
    // A clock that goes on by one ms for each turn, however busy the machine is.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    using _clock = { [Symbol.dispose]: () => void vi.useRealTimers() }
    await using afterword = new Afterword()
    const begun: { id: number; at: number }[] = []
    const rate = { runs: 2, per: 40 }
    const Call = afterword.job('call', (id: number) => void begun.push({ id, at: performance.now() }), { rate })
    for (let id = 0; id < 6; id++) Call.defer(id)
    for (; begun.length < 6; vi.advanceTimersByTime(1)) await new Promise(setImmediate)
    await afterword.drain()
    expect(begun.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5])
    // The clock is read a little before the handler begins.
    const early = 5
    for (let i = rate.runs; i < begun.length; i++) {
      expect((begun[i]?.at ?? 0) - (begun[i - rate.runs]?.at ?? 0)).toBeGreaterThan(rate.per - early)
    }
  })
})
