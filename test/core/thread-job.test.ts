import { describe, expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'
import type render from './threads/render.ts'

const thread = new URL('./threads/render.ts', import.meta.url)

describe('job({ thread })', () => {
  it('gets and returns structured clones, off the thread of the requests', async () => {
    await using afterword = new Afterword()
    const Render = afterword.job<typeof render>('render', { thread })
    const outcome = await Render.defer('value', new Uint8Array([1, 2])).outcome
    expect(outcome).toEqual({
      status: 'done',
      value: { threadId: expect.any(Number), date: new Date(0), bytes: new Uint8Array([1, 2]) },
    })
    expect((outcome as unknown as { value: { threadId: number } }).value.threadId).toBeGreaterThan(0)
  })

  it('fails with what the handler throws, is retried and reported as any other', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const Render = afterword.job<typeof render>('render', { thread, retries: 1, backoff: 0 })
    const outcome = await Render.defer('throw').outcome
    expect(outcome).toMatchObject({ status: 'failed', error: { name: 'TypeError', message: 'no such page' } })
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
    expect(reports.all[0]?.error.message).toContain('in attempt 2')
  })

  it('ends its thread at the timeout, even if the handler never comes back', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const Render = afterword.job<typeof render>('render', { thread, retries: 0 })
    const stuck = Render.with({ timeout: 300 }).defer('spin')
    expect(await stuck.outcome).toMatchObject({ status: 'timed-out' })
    // There may be only one thread: it is free again.
    expect(await Render.defer('value').outcome).toMatchObject({ status: 'done' })
    expect(reports.codes).toEqual(['AFTERWORD_TASK_TIMED_OUT'])
  })

  it('fails where the thread ends by itself', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const Render = afterword.job<typeof render>('render', { thread, retries: 0 })
    expect(await Render.defer('exit').outcome).toMatchObject({ status: 'failed' })
    expect(await Render.defer('value').outcome).toMatchObject({ status: 'done' })
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
  })

  it('takes what is transferred to it', async () => {
    await using afterword = new Afterword()
    const Render = afterword.job<typeof render>('render', { thread, transfer: (_what, bytes) => [bytes?.buffer] })
    const bytes = new Uint8Array(1024)
    expect(await Render.defer('fill', bytes).outcome).toEqual({ status: 'done', value: 1024 })
    expect(bytes.byteLength).toBe(0)
  })

  it('is drained', async () => {
    await using afterword = new Afterword()
    const Render = afterword.job<typeof render>('render', { thread })
    for (let i = 0; i < 4; i++) Render.defer('value')
    expect(await afterword.drain()).toEqual({ done: 4, failed: 0, left: [] })
  })

  it('has one module to its name', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    afterword.job<typeof render>('render', { thread })
    afterword.job<typeof render>('render', { thread })
    expect(reports.codes).toEqual([])
    afterword.job('render', { thread: new URL('./other.ts', thread) })
    expect(reports.codes).toEqual(['AFTERWORD_DUPLICATE_JOB'])
    expect(() => afterword.job('nothing', { thread: 'render.ts' } as never)).toThrow(
      'job("nothing"): expected thread to be the URL of a module, new URL(\'./render.ts\', import.meta.url), got "render.ts".',
    )
  })
})
