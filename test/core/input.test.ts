import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type } from 'arktype'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Afterword, type Job, type StandardSchema } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-input-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** A user with a name, and a text that a number is made of: the transform must not meet its own result. */
interface Case {
  readonly schema: StandardSchema<[{ name: string }, string], [{ name: string }, number]>
  readonly stricter: StandardSchema<[{ name: string }, string], [{ name: string }, number]>
  readonly async: StandardSchema<[string], [string]>
}

const schemas: Record<string, Case> = {
  zod: {
    schema: z.tuple([z.object({ name: z.string() }), z.string().transform(Number)]),
    stricter: z.tuple([z.object({ name: z.string().min(10) }), z.string().transform(Number)]),
    async: z.tuple([z.string().refine(async () => true)]),
  },
  valibot: {
    schema: v.tuple([v.object({ name: v.string() }), v.pipe(v.string(), v.transform(Number))]),
    stricter: v.tuple([
      v.object({ name: v.pipe(v.string(), v.minLength(10)) }),
      v.pipe(v.string(), v.transform(Number)),
    ]),
    async: v.tupleAsync([
      v.pipeAsync(
        v.string(),
        v.checkAsync(async () => true),
      ),
    ]),
  },
  arktype: {
    schema: type([{ name: 'string' }, type('string').pipe(Number)]),
    stricter: type([{ name: 'string >= 10' }, type('string').pipe(Number)]),
    // It has no asynchronous schemas: one written by hand.
    async: {
      '~standard': {
        version: 1,
        vendor: 'by hand',
        validate: async (value) => ({ value: value as [string] }),
        types: undefined as never,
      },
    },
  },
}

describe.each(Object.entries(schemas))('job({ input }) with a schema of %s', (_vendor, { schema, stricter, async }) => {
  test('checks a call, and says where the arguments do not fit', async () => {
    await using afterword = new Afterword({ journal: folder })
    const Send = afterword.job('send', () => {}, { input: schema })
    const wrong = { name: 7 } as never
    const error = {
      code: 'AFTERWORD_INVALID_INPUT',
      message: expect.stringMatching(
        /^The arguments of the job "send" are not what its input says: .* at \[0\]\[name\]\./,
      ),
    }
    expect(() => Send.defer(wrong, '7')).toThrow(expect.objectContaining(error))
    await expect(Send.dispatch(wrong, '7')).rejects.toMatchObject(error)
    await expect(Send.with({ delay: 1 }).dispatch(wrong, '7')).rejects.toMatchObject(error)
    expect(() => (Send.defer as (user: object) => unknown)({ name: 'Ann' })).toThrow(
      expect.objectContaining({ code: 'AFTERWORD_INVALID_INPUT' }),
    )
    expect(await afterword.drain()).toMatchObject({ done: 0, failed: 0 })
  })

  test.each([
    ['in memory', () => ({})],
    ['with a journal', () => ({ journal: folder })],
  ])('transforms the arguments once in each attempt: %s', async (_where, options) => {
    await using afterword = new Afterword(options())
    const seen: unknown[] = []
    const Send = afterword.job(
      'send',
      (user, n) => {
        seen.push(user, n)
        if (seen.length < 4) throw new Error('no luck')
      },
      { input: schema, backoff: 0 },
    )
    expect((await Send.defer({ name: 'Ann' }, '7').outcome).status).toBe('done')
    expect(seen).toEqual([{ name: 'Ann' }, 7, { name: 'Ann' }, 7])
  })

  test('checks a stored call again when it runs: arguments that do not fit any more fail, once', async () => {
    const before = new Afterword({ journal: folder, worker: false })
    await before.job('send', () => {}, { input: schema }).dispatch({ name: 'Ann' }, '7')
    await before.close()
    const after = new Afterword({ journal: folder })
    using reports = new Reports()
    let runs = 0
    after.job('send', () => void runs++, { input: stricter, retries: 3, backoff: 0 })
    await reports.next
    await after.close()
    expect(runs).toBe(0)
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
    using database = new DatabaseSync(join(folder, 'shared.db'))
    expect(database.prepare('SELECT job, attempt, reason FROM afterword_failed').all()).toEqual([
      { job: 'send', attempt: 1, reason: 'failed' },
    ])
    const { error } = database.prepare('SELECT error FROM afterword_failed').get() as { error: string }
    expect(error).toMatch(/The arguments of the job "send" are not what its input says: .* at \[0\]\[name\]/)
  })

  test('refuses a schema that makes no list of the arguments', async () => {
    await using afterword = new Afterword()
    const joined = z.tuple([z.string(), z.string()]).transform((names) => names.join())
    const Send = afterword.job('send', () => {}, { input: joined as never }) as Job<[string, string]>
    expect(() => Send.defer('a', 'b')).toThrow('are not what its input says: it makes "a,b" of them, and no list.')
  })

  test('refuses a schema that checks asynchronously', async () => {
    await using afterword = new Afterword()
    const Send = afterword.job('send', (_to: string) => {}, { input: async })
    expect(() => Send.defer('a@b.c')).toThrow(expect.objectContaining({ code: 'AFTERWORD_ASYNC_INPUT' }))
    await expect(Send.dispatch('a@b.c')).rejects.toMatchObject({ code: 'AFTERWORD_ASYNC_INPUT' })
  })

  test('checks the arguments that upgrade() has made of an earlier version, when the call runs', async () => {
    await using afterword = new Afterword()
    using _reports = new Reports()
    const seen: unknown[] = []
    const Send = afterword.job('send', (user, n) => void seen.push(user, n), {
      input: schema,
      version: 2,
      upgrade: ([name]) => [{ name }, '7'],
      retries: 3,
    })
    expect((await Send.with<[name: unknown]>({ version: 1 }).defer('Ann').outcome).status).toBe('done')
    expect(seen).toEqual([{ name: 'Ann' }, 7])
    expect(await Send.with<[name: unknown]>({ version: 1 }).defer(8).outcome).toMatchObject({
      status: 'failed',
      error: { name: 'Retry' },
    })
  })
})

test.each([{}, () => {}, null, 'string'])('job({ input }) refuses a value that is no schema: %s', async (input) => {
  await using afterword = new Afterword()
  expect(() => afterword.job('send', () => {}, { input } as object)).toThrow(
    expect.objectContaining({
      code: 'AFTERWORD_INVALID_OPTION',
      message: expect.stringContaining('expected input to be a schema of zod, valibot, arktype'),
    }),
  )
})
