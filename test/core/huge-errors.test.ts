import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { Program } from '../support/program.ts'
import { Reports } from '../support/reports.ts'

/** Errors as they come from APIs, and as nobody should make them. */
const errors: Record<string, () => unknown> = {
  'a huge message': () => new Error('x'.repeat(20_000_000)),
  'a huge cause': () => new Error('no luck', { cause: new Error('y'.repeat(20_000_000)) }),
  'causes in a circle': () => {
    const error = new Error('z'.repeat(20_000))
    error.cause = error
    return error
  },
  'a huge text': () => 'x'.repeat(20_000_000),
  'an object whose text is huge': () => ({ toString: () => 'x'.repeat(20_000_000) }),
  'an object that has no text': () => Object.create(null),
  'a stack that is no text': () => Object.assign(new Error('no luck'), { stack: Symbol('s') }),
  'a cause that throws': () =>
    Object.defineProperty(new Error('no luck'), 'cause', {
      get() {
        throw new Error('gotcha')
      },
    }),
  'NUL, and half a character': () => new Error('a\0b\ud800'),
  nothing: () => undefined,
}

test.each(Object.entries(errors))('a job that throws %s: stored in brief', async (_name, make) => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-huge-'))
  using reports = new Reports()
  try {
    const afterword = new Afterword({ journal: folder })
    const fail = afterword.job('fail', () => Promise.reject(make()), { retries: 1, backoff: 0 })
    expect(await fail.defer().outcome).toMatchObject({ status: 'failed' })
    await afterword.close()
    await using inspector = new Inspector(folder)
    const records = []
    for await (const page of inspector.records({ state: 'failed' })) records.push(...page)
    expect(records).toHaveLength(1)
    expect(reports.codes).toEqual(['AFTERWORD_TASK_RETRIED', 'AFTERWORD_TASK_FAILED'])
    expect(reports.all[0]?.error.message).toMatch(/^.{1,800}$/)
    const [{ error, options = '' } = { error: '' }] = records
    expect(error?.length).toBeGreaterThan(0)
    expect(error).not.toMatch(/\0|[\ud800-\udfff]/)
    expect(error?.length).toBeLessThanOrEqual(65_536)
    // The note of the first attempt.
    expect(options.length).toBeLessThan(150_000)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('an error with a huge message, or a huge cause, is printed in brief', async () => {
  await using program = new Program(new URL('programs/huge-errors.ts', import.meta.url))
  await program.exited
  expect(program.stderr.match(/AFTERWORD_TASK_FAILED/g)).toHaveLength(3)
  expect(program.stderr).toContain('Error: short')
  expect(program.stderr.length).toBeLessThan(200_000)
})
