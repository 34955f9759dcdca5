import { describe, expect, it } from 'vitest'
import { Afterword, BatchError } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

const never = 60_000

describe('batch()', () => {
  it('runs once for many responses, after them, as soon as it has its size', async () => {
    await using afterword = new Afterword()
    const runs: string[][] = []
    const Track = afterword.batch('track', (paths: string[]) => void runs.push(paths), { size: 3, within: never })
    const sent: string[] = []
    await using site = await serve(afterword, (req, res) => {
      const { outcome } = Track.defer(String(req.url))
      void outcome.then(() => sent.push(`${req.url} ${res.writableFinished}`))
      res.end('answered')
    })
    for (const path of ['/a', '/b', '/c']) expect(await site.get(path)).toBe('answered')
    while (sent.length < 3) await new Promise(setImmediate)
    expect(runs).toEqual([['/a', '/b', '/c']])
    expect(sent).toEqual(['/a true', '/b true', '/c true'])
  })

  it('runs the items that are there when the first one has waited for within', async () => {
    await using afterword = new Afterword()
    const runs: number[][] = []
    const Track = afterword.batch('track', (items: number[]) => void runs.push(items), { size: 100, within: 5 })
    const outcomes = await Promise.all([1, 2].map((item) => Track.defer(item).outcome))
    expect(runs).toEqual([[1, 2]])
    expect(outcomes).toEqual([
      { status: 'done', value: undefined },
      { status: 'done', value: undefined },
    ])
  })

  it('is drained', async () => {
    await using afterword = new Afterword()
    const runs: number[][] = []
    const Track = afterword.batch('track', (items: number[]) => void runs.push(items), { within: never })
    for (const item of [1, 2, 3]) Track.defer(item)
    expect(await afterword.drain()).toMatchObject({ left: [] })
    expect(runs).toEqual([[1, 2, 3]])
  })

  it('does not keep the tasks behind it waiting, nor count for concurrency', async () => {
    await using afterword = new Afterword({ concurrency: 1 })
    const Track = afterword.batch('track', () => {}, { within: never })
    const ran: string[] = []
    await afterword.defer(() => {
      Track.defer('item')
      afterword.defer(async () => void ran.push('behind'))
    }).outcome
    await afterword.defer(async () => void ran.push('beside')).outcome
    while (ran.length < 2) await new Promise(setImmediate)
    expect(afterword.status()).toMatchObject({ backlog: 0, delayed: 1 })
  })

  it.each(['throws', 'returns'])('tries only the items of a BatchError again, if the handler %s it', async (way) => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const runs: number[][] = []
    const handler = (items: number[]) => {
      runs.push(items)
      const odd = items.filter((item) => item % 2 === 1)
      if (odd.length === 0) return
      const error = new BatchError(odd)
      if (way === 'throws') throw error
      return error
    }
    const Track = afterword.batch('track', handler, { size: 4, within: 100, retries: 1, backoff: 0 })
    const outcomes = await Promise.all([1, 2, 3, 4].map((item) => Track.defer(item).outcome))
    expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'done', 'failed', 'done'])
    expect(runs).toEqual([
      [1, 2, 3, 4],
      [1, 3],
    ])
    expect(reports.all.map(({ error }) => [error.code, error.message.split('.')[0]])).toEqual([
      ['AFTERWORD_BATCH_FAILED', 'The batch "track" failed for 2 of 2 items in their last attempt'],
    ])
    expect(reports.all[0]?.error.cause).toMatchObject({ name: 'BatchError', items: [1, 3] })
  })

  it('fails for all items on any other error, and on a BatchError that names none of them', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const errors = [new Error('whole'), new BatchError(['unknown'])]
    const Track = afterword.batch('track', () => Promise.reject(errors.shift()), { size: 2, within: 1, retries: 0 })
    for (let run = 0; run < 2; run++) {
      const outcomes = await Promise.all(['a', 'b'].map((item) => Track.defer(item).outcome))
      expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'failed'])
    }
    expect(reports.codes).toEqual(['AFTERWORD_BATCH_FAILED', 'AFTERWORD_BATCH_FAILED'])
  })

  it('times out as a whole', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    let signal: AbortSignal | undefined
    const hang = () => {
      signal = afterword.currentTask()?.signal
      return new Promise(() => {})
    }
    const Track = afterword.batch('track', hang, { size: 2, timeout: 1, retries: 0 })
    const outcomes = await Promise.all(['a', 'b'].map((item) => Track.defer(item).outcome))
    expect(outcomes).toEqual([
      { status: 'timed-out', after: 1 },
      { status: 'timed-out', after: 1 },
    ])
    expect(signal?.aborted).toBe(true)
    expect(reports.codes).toEqual(['AFTERWORD_BATCH_FAILED'])
  })

  it('leaves out items that were cancelled, or that when does not want', async () => {
    await using afterword = new Afterword()
    const runs: string[][] = []
    const options = { size: 3, within: never, when: 'success' } as const
    const Track = afterword.batch('track', (paths: string[]) => void runs.push(paths), options)
    const cancelled: boolean[] = []
    await using site = await serve(afterword, (req, res) => {
      const item = Track.defer(String(req.url))
      res.statusCode = req.url === '/bad' ? 500 : 200
      res.on(
        'close',
        () => req.url === '/cancelled' && setImmediate(() => setImmediate(() => cancelled.push(item.cancel()))),
      )
      res.end()
    })
    for (const path of ['/good', '/bad', '/cancelled']) await site.get(path)
    while (cancelled.length === 0) await new Promise(setImmediate)
    await afterword.drain()
    expect(cancelled).toEqual([true])
    expect(runs).toEqual([['/good']])
  })

  it('refuses a wrong name, handler or option', async () => {
    await using afterword = new Afterword()
    const track = () => {}
    afterword.batch('track', track)
    expect(() => afterword.batch('', track)).toThrow('batch expects a name')
    expect(() => afterword.batch('size', track, { size: 0 })).toThrow('expected size to be a whole number, 1 or more')
    expect(() => afterword.batch('nothing', undefined as never)).toThrow('expects a function')
  })
})
