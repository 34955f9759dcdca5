import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Entry, isOver } from '../../examples/signup/entry.ts'
import { SignupApp } from './signup-app.ts'

const names = ['send-welcome', 'appendAccessLine', 'trackSignup', 'lookUpCompany']

const states = ({ steps }: Entry) => Object.fromEntries(steps.map(({ name, state }) => [name, state]))
const isDone = ({ sent, steps }: Entry) => sent !== undefined && steps.every(({ state }) => state === 'done')
const begun = ({ steps }: Entry) => steps.filter(({ attempts }) => attempts.length > 0).map(({ name }) => name)

describe('the sign-up example', () => {
  let app: SignupApp
  beforeAll(async () => {
    app = await SignupApp.start()
  })
  afterAll(() => app[Symbol.asyncDispose]())

  it('answers first, then runs the four tasks in order', async () => {
    const email = 'ada@analytical.example'
    const watcher = await app.watch()
    const response = await app.signUp({ name: 'Ada Lovelace', email })
    expect(response.status).toBe(201)
    expect(await response.json()).toEqual({ message: 'Welcome, Ada Lovelace. A mail is on its way.' })

    const last = await watcher.until(email, isDone)
    expect(states(last)).toEqual(Object.fromEntries(names.map((name) => [name, 'done'])))
    expect(last.sent?.status).toBe(201)
    const told = watcher.of(email)
    const answered = told.findIndex(({ sent }) => sent !== undefined)
    expect(begun(told[answered]!)).toEqual([])
    expect(told.slice(0, answered).flatMap(begun)).toEqual([])
    expect([...new Set(told.flatMap(begun))]).toEqual(names)
  })

  it('delivers the mail over SMTP and writes the line with the status of the response', async () => {
    const email = 'grace@mark-one.example'
    const watcher = await app.watch()
    await app.signUp({ name: 'Grace Höpper', email })
    await watcher.until(email, isDone)

    const mail = (await app.inbox()).find(({ to }) => to === email)
    expect(mail?.subject).toBe('Welcome, Grace Höpper')
    const { text, source } = await app.mail(mail!.id)
    expect(text).toContain('Hello Grace Höpper,')
    expect(text).toContain('answered before it was sent')
    expect(source).toMatch(/^To: .*<grace@mark-one\.example>\r$/m)
    expect(await app.logFile()).toMatch(/ POST \/signup 201 grace@mark-one\.example\n/)
  })

  it('retries and reports analytics that fail, and runs the others all the same', async () => {
    const email = 'alan@bletchley.example'
    const watcher = await app.watch()
    const response = await app.signUp({ name: 'Alan Turing', email, analyticsFails: true })
    expect(response.status).toBe(201)

    const isFailure = (report: string) => report.startsWith('AFTERWORD_TASK_FAILED')
    const last = await watcher.until(email, ({ reports }) => reports.some(isFailure))
    expect(states(last)).toEqual({
      'send-welcome': 'done',
      appendAccessLine: 'done',
      trackSignup: 'failed',
      lookUpCompany: 'done',
    })
    const attempts = last.steps.find(({ name }) => name === 'trackSignup')!.attempts
    expect(attempts.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed'])
    expect(last.reports.find(isFailure)).toMatch(
      /^AFTERWORD_TASK_FAILED: .*trackSignup.*The analytics API answered 503/,
    )
    // The later task did not wait for the retries.
    const told = watcher.of(email)
    const retried = told.findIndex(({ steps }) => steps.some(({ attempts }) => attempts.length === 2))
    expect(states(told[retried]!).lookUpCompany).toBe('done')
  })

  it('lets the client wait for all four the old way', async () => {
    const email = 'radia@spanning.example'
    const watcher = await app.watch()
    const response = await app.signUp({ name: 'Radia Perlman', email }, '/signup/old-way')
    expect(response.status).toBe(201)

    const answered = await watcher.until(email, ({ sent }) => sent !== undefined)
    expect(answered.way).toBe('before')
    expect(states(answered)).toEqual(Object.fromEntries(names.map((name) => [name, 'done'])))
    expect(await app.logFile()).toMatch(/ not answered yet radia@spanning\.example\n/)
  })

  it('gives the client the error of the analytics the old way, and never asks the slow API', async () => {
    const email = 'barbara@argus.example'
    const watcher = await app.watch()
    const input = { name: 'Barbara Liskov', email, analyticsFails: true }
    const response = await app.signUp(input, '/signup/old-way')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      message: 'Your sign-up failed: The analytics API answered 503.',
    })

    const answered = await watcher.until(email, ({ sent }) => sent !== undefined)
    expect(states(answered)).toEqual({ 'send-welcome': 'done', appendAccessLine: 'done', trackSignup: 'failed' })
  })

  it.each([
    [{}, { name: 'Please tell us your name.', email: 'Please type in your e-mail address.' }],
    [{ name: 'Eve', email: 'eve' }, { email: expect.stringContaining('This is not an e-mail address.') }],
    [
      { name: 'Eve', email: 'eve@x.example\r\nBcc: all@x.example' },
      { email: expect.stringContaining('not an e-mail') },
    ],
    [{ name: 'x'.repeat(81), email: 'eve@x.example' }, { name: 'Please use a name of at most 80 characters.' }],
  ])('refuses %j with a clear 400', async (input, errors) => {
    for (const path of ['/signup', '/signup/old-way']) {
      const response = await app.signUp(input, path)
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ message: 'Please check what you typed in.', errors })
    }
  })

  it('tells a page that comes later what has happened', async () => {
    const email = 'late@x.example'
    const watcher = await app.watch()
    await app.signUp({ name: 'Late', email })
    await watcher.until(email, isDone)
    const page = await fetch(`${app.url}/events`)
    const reader = page.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('\n\n')) text += (await reader.read()).value
    await reader.cancel()
    expect(text).toMatch(/^event: state\n/)
    const state = JSON.parse(text.slice(text.indexOf('{')))
    expect(state.signups.map((entry: Entry) => entry.email)).toContain(email)
    expect(state.mails[0].to).toBe(email)
    expect(state.log.lines.at(-1)).toContain(email)
  })

  it('shows the route as it runs', async () => {
    const source = await (await fetch(`${app.url}/source`)).text()
    expect(source).toMatch(/^app\.post\('\/signup', [\s\S]+defer\([\s\S]+\n}\)\n$/)
    expect(source.split('\n').length).toBeLessThanOrEqual(25)
  })
})

describe('kill -9 of the sign-up example', () => {
  it('loses what is in memory, and runs in the next process what is kept', async () => {
    await using app = await SignupApp.start()
    const email = 'ada@analytical.example'
    const first = await app.watch()
    const response = await app.signUp({ name: 'Ada Lovelace', email }, '/signup/and-kill')
    expect(response.status).toBe(201)
    // The process breaks the connection off as it dies.
    await expect(first.ended()).rejects.toThrow()

    const pids = await app.restarted()
    const second = await app.watch()
    const last = await second.until(email, isOver)
    expect(last.processes.map(({ pid }) => pid)).toEqual(pids)
    const [died, next] = last.processes
    expect(died!.to).toBeLessThan(next!.from)
    const story = last.steps.map(({ name, kept, state, attempts }) => {
      return [name, kept, state, attempts.map(({ pid, status }) => [pid === died!.pid ? 'first' : 'second', status])]
    })
    expect(story).toEqual([
      ['appendAccessLine', false, 'done', [['first', 'done']]],
      [
        'look-up-company',
        true,
        'done',
        [
          ['first', 'killed'],
          ['second', 'done'],
        ],
      ],
      ['trackSignup', false, 'lost', []],
      ['send-welcome', true, 'done', [['second', 'done']]],
    ])
    expect((await app.inbox()).map(({ to }) => to)).toEqual([email])
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
  })

  it('keeps the mails and stories of before, and its address', async () => {
    await using app = await SignupApp.start()
    const before = await app.watch()
    await app.signUp({ name: 'Grace Hopper', email: 'grace@mark-one.example' })
    await before.until('grace@mark-one.example', isDone)
    await app.signUp({ name: 'Ada Lovelace', email: 'ada@analytical.example' }, '/signup/and-kill')
    await expect(before.ended()).rejects.toThrow()

    await app.restarted()
    const after = await app.watch()
    expect(after.first.signups.map(({ name }) => name)).toEqual(['Grace Hopper', 'Ada Lovelace'])
    expect(isDone(after.first.signups[0]!)).toBe(true)
    expect(after.first.signups[0]!.processes).toHaveLength(1)
    expect(after.first.mails.map(({ to }) => to)).toContain('grace@mark-one.example')
  })
})

describe('the end of the sign-up example', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'runs what is left on %s, ends the pages and exits with 0',
    async (signal) => {
      await using app = await SignupApp.start()
      const email = 'ada@analytical.example'
      const watcher = await app.watch()
      await app.signUp({ name: 'Ada Lovelace', email })
      app.kill(signal)
      await watcher.ended()
      expect(await app.exited).toBe(0)
      expect(app.stderr).toBe('')
      expect(await app.logFile()).toContain(email)
    },
  )

  it('exits at once when there is nothing to do', async () => {
    await using app = await SignupApp.start()
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
    expect(app.stderr).toBe('')
  })
})

it('takes a free port where its own is taken', async () => {
  const other = createServer().listen(0, 'localhost')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await using app = await SignupApp.start(port)
  expect(app.url).not.toBe(`http://localhost:${port}`)
  expect((await fetch(app.url)).status).toBe(200)
  other.close()
})
