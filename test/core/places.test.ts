import { expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

it('tasks that take all places and never end are reported once, by name, as that for which others wait', async () => {
  await using afterword = new Afterword({ concurrency: 256, shutdownTimeout: 0 })
  using reports = new Reports()
  const Hang = afterword.job('hang', () => new Promise<void>(() => {}), { timeout: 60_000 })
  for (let n = 0; n < 255; n++) Hang.defer()
  const last = Promise.withResolvers<void>()
  const ends = afterword.job('ends-last', () => last.promise).defer()
  const waiting = afterword.defer(() => 'ran')
  const { error } = await reports.next
  expect(error.code).toBe('AFTERWORD_STALLED')
  expect(error.message).toContain('256 tasks take all places, and none of them has ended in 10 s: 1 others wait.')
  expect(error.message).toContain('255 of "hang", 1 of "ends-last"')
  // The place of one that ends is that of the next one.
  last.resolve()
  await ends.outcome
  expect(await waiting.outcome).toMatchObject({ status: 'done', value: 'ran' })
  expect(reports.codes.filter((code) => code === 'AFTERWORD_STALLED')).toHaveLength(1)
}, 60_000)
