import { readFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { errorTable } from '../../src/error-table.ts'
import {
  Afterword,
  AfterwordError,
  type AfterwordOptions,
  type ErrorCode,
  type TaskOptions,
  type Transaction,
} from '../../src/index.ts'

type Call = (afterword: Afterword) => unknown
const wrong = <T>(value: unknown) => value as T

const cases: Record<string, [Call, ErrorCode, message: string]> = {
  'defer of a number': [
    (afterword) => afterword.defer(wrong<() => void>(42)),
    'AFTERWORD_NOT_A_FUNCTION',
    'defer expects a function, got 42.',
  ],
  'defer of a call instead of a function': [
    (afterword) => afterword.defer(wrong<() => void>(undefined)),
    'AFTERWORD_NOT_A_FUNCTION',
    'got undefined',
  ],
  'defer.with(options) of an object': [
    (afterword) => afterword.defer.with({})(wrong<() => void>({})),
    'AFTERWORD_NOT_A_FUNCTION',
    'got an object',
  ],
  'onSent of a string': [
    (afterword) => afterword.onSent(wrong('now')),
    'AFTERWORD_NOT_A_FUNCTION',
    'onSent expects a function, got "now"',
  ],
  'onShutdown of null': [
    (afterword) => afterword.onShutdown(wrong(null)),
    'AFTERWORD_NOT_A_FUNCTION',
    'onShutdown expects a function, got null',
  ],
  'waitUntil of a number': [
    (afterword) => afterword.waitUntil(wrong(42)),
    'AFTERWORD_NOT_A_PROMISE',
    'waitUntil expects a promise, got 42.',
  ],
  'waitUntil of a function': [
    (afterword) => afterword.waitUntil(wrong(() => {})),
    'AFTERWORD_NOT_A_PROMISE',
    'got a function',
  ],
  'an unknown option that is nearly a known one': [
    (afterword) => afterword.defer.with(wrong<TaskOptions>({ retry: 3 })),
    'AFTERWORD_UNKNOWN_OPTION',
    'defer.with has no option "retry". Did you mean "retries"?',
  ],
  'an option in the wrong case': [
    (afterword) => afterword.job('a', () => {}, wrong<TaskOptions>({ timeOut: 3 })),
    'AFTERWORD_UNKNOWN_OPTION',
    'job("a") has no option "timeOut". Did you mean "timeout"?',
  ],
  'an option like no other': [
    () => new Afterword(wrong<AfterwordOptions>({ colour: 'red' })),
    'AFTERWORD_UNKNOWN_OPTION',
    'configure has no option "colour". Known options: concurrency, maxBacklog,',
  ],
  'an option named like a property of every object': [
    () => new Afterword(wrong<AfterwordOptions>({ toString: () => '' })),
    'AFTERWORD_UNKNOWN_OPTION',
    'has no option "toString"',
  ],
  'options that are none': [
    (afterword) => afterword.defer.with(wrong<TaskOptions>('fast')),
    'AFTERWORD_INVALID_OPTION',
    'defer.with: expected its options to be an object, got "fast".',
  ],
  'a negative timeout': [
    (afterword) => afterword.defer.with({ timeout: -1 }),
    'AFTERWORD_INVALID_OPTION',
    'defer.with: expected timeout to be a number of milliseconds, 0 or more, got -1.',
  ],
  'a timeout that is no number': [
    (afterword) => afterword.defer.with({ timeout: Number.NaN }),
    'AFTERWORD_INVALID_OPTION',
    'got NaN',
  ],
  'half a retry': [
    (afterword) => afterword.defer.with({ retries: 0.5 }),
    'AFTERWORD_INVALID_OPTION',
    'expected retries to be a whole number, 0 or more, got 0.5.',
  ],
  'a transaction that is not set': [
    (afterword) => afterword.job('ship', () => {}).with({ tx: wrong<Transaction>(undefined) }),
    'AFTERWORD_INVALID_OPTION',
    'expected tx to be a transaction, got undefined.',
  ],
  'an empty name': [
    (afterword) => afterword.defer.with({ name: '' }),
    'AFTERWORD_INVALID_OPTION',
    'expected name to be a non-empty string',
  ],
  'a when that is neither': [
    (afterword) => afterword.defer.with({ when: wrong('never') }),
    'AFTERWORD_INVALID_OPTION',
    'expected when to be',
  ],
  'a backoff with an unknown field': [
    (afterword) => afterword.defer.with({ backoff: wrong({ delay: 5 }) }),
    'AFTERWORD_UNKNOWN_OPTION',
    'defer.with, backoff has no option "delay". Known options: base, factor, max.',
  ],
  'a backoff with a misspelt field': [
    (afterword) => afterword.job('a', () => {}, { backoff: wrong({ bas: 1 }) }),
    'AFTERWORD_UNKNOWN_OPTION',
    'job("a"), backoff has no option "bas". Did you mean "base"?',
  ],
  'a backoff that goes back in time': [
    (afterword) => afterword.defer.with({ backoff: { max: -1 } }),
    'AFTERWORD_INVALID_OPTION',
    'defer.with, backoff: expected max to be a number of milliseconds, 0 or more, got -1.',
  ],
  'a backoff that is none': [
    (afterword) => afterword.defer.with({ backoff: wrong('fast') }),
    'AFTERWORD_INVALID_OPTION',
    'defer.with: expected backoff to be',
  ],
  'a rate without its time': [
    (afterword) => afterword.job('a', () => {}, { rate: wrong({ runs: 1 }) }),
    'AFTERWORD_INVALID_OPTION',
    'job("a"), rate: expected per to be a number of milliseconds, 0 or more, got undefined.',
  ],
  'a rate with an unknown field': [
    (afterword) => afterword.job('a', () => {}, { rate: wrong({ runs: 1, pre: 1 }) }),
    'AFTERWORD_UNKNOWN_OPTION',
    'job("a"), rate has no option "pre". Known options: runs, per.',
  ],
  'a debounce with an unknown field': [
    (afterword) => afterword.job('a', () => {}, { key: 'a', debounce: wrong({ quiet: 2, most: 3 }) }),
    'AFTERWORD_UNKNOWN_OPTION',
    'job("a"), debounce has no option "most". Known options: quiet, longest.',
  ],
  'a debounce whose time is a text': [
    (afterword) => afterword.job('a', () => {}, { key: 'a', debounce: wrong({ quiet: 2, longest: '3' }) }),
    'AFTERWORD_INVALID_OPTION',
    'job("a"), debounce: expected longest to be a number of milliseconds, 0 or more, got "3".',
  ],
  'a journal with a misspelt option': [
    () => new Afterword({ journal: wrong({ pth: 'data' }) }),
    'AFTERWORD_UNKNOWN_OPTION',
    'configure, journal has no option "pth". Did you mean "path"?',
  ],
  'no concurrency': [
    () => new Afterword({ concurrency: 0 }),
    'AFTERWORD_INVALID_OPTION',
    'configure: expected concurrency to be a whole number, 1 or more, got 0.',
  ],
  'an onError that is neither': [
    () => new Afterword({ onError: wrong('ignore') }),
    'AFTERWORD_INVALID_OPTION',
    "expected onError to be 'continue' or 'stop', got \"ignore\".",
  ],
  'signals that are no boolean': [
    () => new Afterword({ signals: wrong(['SIGTERM']) }),
    'AFTERWORD_INVALID_OPTION',
    'expected signals to be true or false, got an array.',
  ],
  'a job that is deferred with a delay': [
    (afterword) => afterword.job('a', () => {}, { delay: 5 }).defer(),
    'AFTERWORD_DISPATCH_ONLY',
    'Dispatch the job: job.with({ delay }).dispatch(...)',
  ],
  'a sync of a database that says that by itself': [
    () => new Afterword({ journal: { database: new DatabaseSync(':memory:'), sync: 'full' } }),
    'AFTERWORD_INVALID_OPTION',
    'configure, journal: expected sync to be left to the database',
  ],
  'a job without a name': [
    (afterword) => afterword.job('', () => {}),
    'AFTERWORD_INVALID_JOB_NAME',
    'job expects a name that is a non-empty string, got "".',
  ],
  'a job whose name has NUL': [
    (afterword) => afterword.job('a\0b', () => {}),
    'AFTERWORD_INVALID_JOB_NAME',
    'got "a\\u0000b", with NUL or half a character.',
  ],
  'a batch whose name has half a character': [
    (afterword) => afterword.batch('a\ud83d', () => {}),
    'AFTERWORD_INVALID_JOB_NAME',
    'got "a\\ud83d", with NUL or half a character.',
  ],
  'a job whose name is no string': [
    (afterword) => afterword.job(wrong(Symbol('a')), () => {}),
    'AFTERWORD_INVALID_JOB_NAME',
    'got Symbol(a).',
  ],
  'a job without a handler': [
    (afterword) => afterword.job('a', wrong<() => void>(undefined)),
    'AFTERWORD_NOT_A_FUNCTION',
    'job("a") expects a function, got undefined.',
  ],
  'configure after the first use': [
    (afterword) => {
      afterword.defer(() => {})
      afterword.configure({})
    },
    'AFTERWORD_ALREADY_STARTED',
    'configure was called after the first use',
  ],
  'configure twice, with other options': [
    (afterword) => {
      afterword.configure({})
      afterword.configure({ maxBacklog: 5 })
    },
    'AFTERWORD_ALREADY_STARTED',
    'a second time with other options',
  ],
}

describe('wrong calls throw:', () => {
  it.each(Object.entries(cases))('%s', async (_name, [call, code, message]) => {
    await using afterword = new Afterword()
    const error = thrown(() => call(afterword))
    expect(error).toBeInstanceOf(AfterwordError)
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) })
  })

  it('AfterwordError has no empty fields', () => {
    expect(Object.keys(new AfterwordError('AFTERWORD_CLOSED', ['a']))).toEqual(['name', 'code'])
    expect(new AfterwordError('AFTERWORD_OVERLOADED', [1, 1])).toMatchObject({ status: 503, statusCode: 503 })
  })

  it('new Afterword() with refused options leaves no listener behind', () => {
    const listeners = process.listenerCount('exit')
    expect(() => new Afterword({ concurrency: 0 })).toThrow(AfterwordError)
    expect(process.listenerCount('exit')).toBe(listeners)
  })

  it('drain() rejects an unknown option', async () => {
    await using afterword = new Afterword()
    await expect(afterword.drain(wrong({ deadline: 5 }))).rejects.toMatchObject({ code: 'AFTERWORD_UNKNOWN_OPTION' })
  })

  it.each([5, {}, undefined])('cancel() of what is no id: %j', async (id) => {
    await using afterword = new Afterword()
    await expect(afterword.cancel(wrong(id))).rejects.toMatchObject({
      code: 'AFTERWORD_INVALID_OPTION',
      message: expect.stringContaining('cancel: expected the id to be a text, got '),
    })
  })

  it('defer() after close() throws, and so do cancel(), pause() and resume(); configure() starts anew', async () => {
    const afterword = new Afterword()
    const Send = afterword.job('send', () => {}, { key: () => 'one' })
    await afterword.close()
    await afterword.close()
    const calls = [
      ['cancel', afterword.cancel('any')],
      ['send.cancel', Send.cancel({ key: 'one' })],
      ['send.pause', Send.pause()],
      ['send.resume', Send.resume()],
    ] as const
    for (const [name, call] of calls) {
      await expect(call).rejects.toMatchObject({
        code: 'AFTERWORD_CLOSED',
        message: expect.stringContaining(`"${name}"`),
      })
    }
    expect(thrown(() => afterword.defer(function save() {}))).toMatchObject({
      code: 'AFTERWORD_CLOSED',
      message: expect.stringContaining('"save"'),
    })
    afterword.configure({ concurrency: 1 })
    expect(await afterword.defer(() => 'again').outcome).toEqual({ status: 'done', value: 'again' })
    await afterword.close()
  })
})

describe('options', () => {
  it('undefined counts as not given: the default holds', async () => {
    await using afterword = new Afterword(wrong<AfterwordOptions>({ concurrency: undefined }))
    const free = Promise.withResolvers<void>()
    for (let i = 0; i < 300; i++) afterword.defer(() => free.promise)
    while (afterword.status().running < 256) await new Promise(setImmediate)
    expect(afterword.status()).toMatchObject({ running: 256, backlog: 44 })
    free.resolve()
    expect(await afterword.drain()).toEqual({ done: 300, failed: 0, left: [] })
  })

  it('job() defines a job again with the same handler', async () => {
    await using afterword = new Afterword()
    const handler = () => 'same'
    afterword.job('a', handler)
    expect(await afterword.job('a', handler).defer().outcome).toEqual({ status: 'done', value: 'same' })
  })
})

describe('docs/errors.md', async () => {
  const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const sections = text.split(/^## /m).slice(1)

  it('lists every code, and no other', () => {
    expect(sections.map((section) => section.split('\n')[0])).toEqual(Object.keys(errorTable))
  })

  it.each(Object.entries(errorTable))('has the text of %s', (code, { happened, next }) => {
    const section = sections.find((section) => section.startsWith(`${code}\n`))
    expect(section).toContain(happened)
    expect(section).toContain(next)
  })
})

function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown.')
}
