import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import winston from 'winston'
import { Afterword, logTo, subscribe } from '../../src/index.ts'
import { Sibling } from '../journal/sibling.ts'
import { serve } from '../support/local-site.ts'

/** A stream that keeps the lines which are written to it. */
class Lines extends Writable {
  #text = ''

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#text += chunk
    done()
  }

  /** The lines as JSON. A busy machine may interrupt any task for a while: lines of slow tasks are left out. */
  get all(): Record<string, unknown>[] {
    return this.#text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .filter(({ code }) => code !== 'AFTERWORD_SLOW_TASK')
  }
}

/** Runs a task that fails once and is tried again, then for good, in a request. */
async function failTwice(): Promise<void> {
  await using afterword = new Afterword()
  await using site = await serve(afterword, (_req, res) => {
    const job = afterword.defer.with({ retries: 1, backoff: 0 })
    job(function sendReceipt() {
      throw new Error('mail server away')
    })
    res.end()
  })
  await site.get('/orders')
  await afterword.drain()
}

const place = expect.stringContaining('log-listener.test.ts')
const failure = { task: 'sendReceipt', method: 'GET', path: '/orders', place, id: expect.any(String) }

test('logTo(pino) writes a line for each failure, with task, attempt, request, place and error', async () => {
  const lines = new Lines()
  const end = logTo(pino(lines))
  await failTwice()
  end()
  const [first, second] = lines.all
  expect(lines.all).toHaveLength(2)
  expect(first).toMatchObject({ level: 40, code: 'AFTERWORD_TASK_RETRIED', attempt: 1, retryIn: 0, ...failure })
  expect(first?.err).toMatchObject({ type: 'Error', message: 'mail server away' })
  expect(second).toMatchObject({ level: 50, code: 'AFTERWORD_TASK_FAILED', attempt: 2, ...failure })
  expect(second?.err).toMatchObject({ stack: expect.stringContaining('mail server away') })
  expect(second?.msg).toContain('The task "sendReceipt"')
})

test('logTo(winston) writes a line for each failure, with task, attempt, request, place and stack', async () => {
  const stream = new Lines()
  const logger = winston.createLogger({ transports: [new winston.transports.Stream({ stream })] })
  const end = logTo(logger)
  await failTwice()
  end()
  const { all } = stream
  expect(all).toHaveLength(2)
  const stack = expect.stringMatching(/^Error: mail server away\n +at /)
  expect(all[0]).toMatchObject({ level: 'warn', code: 'AFTERWORD_TASK_RETRIED', attempt: 1, stack, ...failure })
  expect(all[1]).toMatchObject({ level: 'error', code: 'AFTERWORD_TASK_FAILED', attempt: 2, stack, ...failure })
  expect(all[1]?.message).toContain('The task "sendReceipt"')
})

test('logTo(console) writes a text for each failure, which begins with one line', async () => {
  const texts: string[] = []
  const end = logTo({ error: (text: string) => void texts.push(text), warn: (text: string) => void texts.push(text) })
  await failTwice()
  end()
  expect(texts).toHaveLength(2)
  expect(texts[0]).toMatch(
    /^AFTERWORD_TASK_RETRIED \(GET \/orders\): The task "sendReceipt" \(.*\) failed in attempt 1.* deferred at .*log-listener\.test\.ts.*Error: mail server away/,
  )
  expect(texts[1]).toMatch(/^AFTERWORD_TASK_FAILED \(GET \/orders\): The task "sendReceipt" \(.*\) failed in attempt 2/)
})

test('logTo(console): stderr has the lines of logTo, and no report besides', async () => {
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
  using _restore = { [Symbol.dispose]: () => printed.mockRestore() }
  const end = logTo(console)
  await using afterword = new Afterword()
  await afterword.defer(function fails() {
    throw new Error('once')
  }).outcome
  end()
  expect(printed).toHaveBeenCalledTimes(1)
})

test('logTo(): of one task five lines are written in 10 s, and of each other one its own', async () => {
  const lines = new Lines()
  const end = logTo(pino(lines))
  await using afterword = new Afterword()
  const fails = () => Promise.reject(new Error('away'))
  const Mail = afterword.job('mail', fails, { retries: 0 })
  const Sms = afterword.job('sms', fails, { retries: 0 })
  for (let call = 0; call < 20; call++) Mail.defer()
  Sms.defer()
  await afterword.drain()
  end()
  const tasks = lines.all.map(({ task }) => task)
  expect(tasks.filter((task) => task === 'mail')).toHaveLength(5)
  expect(tasks.filter((task) => task === 'sms')).toHaveLength(1)
})

test('logTo(): a batch that fails has one line for its items', async () => {
  const lines = new Lines()
  const end = logTo(pino(lines))
  await using afterword = new Afterword()
  const fails = () => Promise.reject(new Error('away'))
  const Track = afterword.batch('track', fails, { size: 3, within: 600_000, retries: 0 })
  for (const item of [1, 2, 3]) Track.defer(item)
  await afterword.drain()
  end()
  expect(lines.all).toMatchObject([{ code: 'AFTERWORD_BATCH_FAILED', task: 'track', attempt: 1, place }])
})

test('logTo(): names and errors of several lines make one line of JSON, and none steers a terminal', async () => {
  const texts: string[] = []
  const end = logTo({ error: (text: string) => void texts.push(text), warn: (text: string) => void texts.push(text) })
  await using afterword = new Afterword()
  await afterword.defer.with({ name: 'two\nlines \x1b[31m' })(() => {
    throw new Error('red \x1b[31m')
  }).outcome
  end()
  expect(texts).toHaveLength(1)
  expect(texts[0]?.split('\n')[0]).toContain('two\\nlines')
  expect(texts[0]).not.toContain('\x1b')
})

test('logTo(): a call that a killed process has left has one line, and no report besides', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-recovered-'))
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  await using killed = await Sibling.start(folder, { options: { worker: false } })
  const id = await killed.defer('hang', ['left']).id
  await killed.ran('left')
  await killed.kill()
  const lines = new Lines()
  const end = logTo(pino(lines))
  const reported: string[] = []
  const silence = subscribe('report', ({ error }) => void reported.push(error.code))
  await using afterword = new Afterword({ journal: folder, signals: false })
  const ran = Promise.withResolvers<void>()
  const Hang = afterword.job('hang', (_what: string) => ran.resolve())
  await ran.promise
  await Hang.defer('its own').outcome
  await afterword.drain()
  end()
  silence()
  expect(lines.all).toMatchObject([{ level: 40, code: 'AFTERWORD_RECOVERED', task: 'hang', id }])
  expect(lines.all[0]?.msg).toMatch(/^The task "hang" \(.*\) was left by a process that has ended, and runs here\.$/)
  expect(reported.filter((code) => code !== 'AFTERWORD_SLOW_TASK')).toEqual([])
})

test('logTo({ shape }) says how the logger is called', async () => {
  const calls: unknown[][] = []
  const end = logTo({ error: (...args: unknown[]) => void calls.push(args), warn: () => {} }, { shape: 'pino' })
  await using afterword = new Afterword()
  await afterword.defer(function fails() {
    throw new Error('once')
  }).outcome
  end()
  expect(calls).toEqual([[expect.objectContaining({ task: 'fails' }), expect.any(String)]])
})

test.each([
  ['no logger', undefined, {}],
  ['an object without methods', {}, {}],
  ['a logger of another shape', { error() {}, warn() {} }, { shape: 'winston' }],
  ['a shape that is not known', console, { shape: 'bunyan' }],
])('logTo() refuses %s', (_, logger, options) => {
  expect(() => logTo(logger as never, options as never)).toThrow(
    expect.objectContaining({ code: 'AFTERWORD_INVALID_OPTION' }),
  )
})

test('the end of logTo() tells what was left out, and leaves no listener behind', async () => {
  await using afterword = new Afterword()
  const lines = new Lines()
  // The instance has a listener of its own from its first task on.
  await afterword.defer(() => {}).outcome
  const before = process.listenerCount('exit')
  const end = logTo(pino(lines))
  for (let i = 0; i < 7; i++) {
    const failing = afterword.defer.with({ retries: 0, name: 'fails' })(() => Promise.reject(new Error('away')))
    await failing.outcome
  }
  end()
  expect(lines.all.at(-1)).toMatchObject({ code: 'AFTERWORD_LEFT_OUT' })
  expect(process.listenerCount('exit')).toBe(before)
})
