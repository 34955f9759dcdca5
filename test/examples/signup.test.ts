import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RequestView } from '../../src/dashboard/views.ts'
import { SignupApp } from './signup-app.ts'

const names = ['announce', 'send-welcome', 'appendAccessLine', 'trackSignup', 'lookUpCompany']

const states = ({ tasks }: RequestView) => Object.fromEntries(tasks.map(({ name, state }) => [name, state]))
const taskOf = ({ tasks }: RequestView, name: string) => tasks.find((task) => task.name === name)!
const unfinished = ['waiting', 'running', 'retrying']
const isOver = ({ sent, tasks }: RequestView) =>
  sent !== undefined && tasks.length > 0 && tasks.every(({ state }) => !unfinished.includes(state))
const begun = ({ tasks }: RequestView) => tasks.filter(({ attempts }) => attempts.length > 0).map(({ name }) => name)

describe('the sign-up example', () => {
  let app: SignupApp
  beforeAll(async () => {
    app = await SignupApp.start()
  })
  afterAll(() => app[Symbol.asyncDispose]())

  it('answers first, then runs the tasks in order', async () => {
    const watcher = await app.watch()
    const response = await app.signUp({ name: 'Ada Lovelace', email: 'ada@analytical.example' })
    expect(response.status).toBe(201)
    expect(await response.json()).toEqual({ message: 'Welcome, Ada Lovelace. A mail is on its way.' })

    const last = await watcher.until(isOver)
    expect(states(last)).toEqual(Object.fromEntries(names.map((name) => [name, 'done'])))
    expect(last).toMatchObject({ method: 'POST', path: '/signup', status: 201, delivered: true })
    const moments = [last.sent, ...last.tasks.flatMap(({ attempts }) => attempts.flatMap(({ from, to }) => [from, to]))]
    expect(moments).toEqual(moments.toSorted((a = 0, b = 0) => a - b))
    expect(begun(last)).toEqual(names)
    expect(watcher.told.filter(({ sent }) => sent === undefined).flatMap(begun)).toEqual([])
  })

  it('delivers the mail over SMTP and writes the line with the status of the response', async () => {
    const email = 'grace@mark-one.example'
    const watcher = await app.watch()
    await app.signUp({ name: 'Grace Höpper', email })
    await watcher.until(isOver)

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

    const last = await watcher.until(isOver)
    expect(states(last)).toEqual({
      announce: 'done',
      'send-welcome': 'done',
      appendAccessLine: 'done',
      trackSignup: 'failed',
      lookUpCompany: 'done',
    })
    const { attempts } = taskOf(last, 'trackSignup')
    expect(attempts.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed'])
    expect(attempts[0]?.error).toContain('The analytics API answered 503')
    await app.prints(/AFTERWORD_TASK_FAILED: .*trackSignup.*/)
    // The later task did not wait for the retries.
    expect(taskOf(last, 'lookUpCompany').attempts[0]!.from).toBeLessThan(attempts[2]!.from)
  })

  it('lets the client wait for all four the old way', async () => {
    const email = 'radia@spanning.example'
    const watcher = await app.watch()
    const response = await app.signUp({ name: 'Radia Perlman', email }, '/signup/old-way')
    expect(response.status).toBe(201)
    expect((await app.inbox())[0]?.to).toBe(email)
    expect(await app.logFile()).toMatch(/ not answered yet radia@spanning\.example\n/)

    // The pages are told afterwards, and nothing else is left.
    const last = await watcher.until(isOver)
    expect([last.path, states(last)]).toEqual(['/signup/old-way', { announce: 'done' }])
  })

  it('gives the client the error of the analytics the old way, though the mail was sent', async () => {
    const email = 'barbara@argus.example'
    const watcher = await app.watch()
    const input = { name: 'Barbara Liskov', email, analyticsFails: true }
    const response = await app.signUp(input, '/signup/old-way')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      message: 'Your sign-up failed: The analytics API answered 503.',
    })
    expect((await app.inbox())[0]?.to).toBe(email)
    const last = await watcher.until(isOver)
    expect([last.status, states(last)]).toEqual([500, { announce: 'cancelled' }])
    expect((await app.state()).signups.map((signup) => signup.email)).not.toContain(email)
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
    await watcher.until(isOver)
    const { signups, mails, log } = await app.state()
    expect(signups[0]).toMatchObject({ name: 'Late', email, way: 'after' })
    expect(mails[0]?.to).toBe(email)
    expect(log.lines.at(-1)).toContain(email)
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
    const last = first.told.at(-1)!
    expect(last.tasks.map(({ name, isKept, state }) => [name, isKept, state])).toEqual([
      ['announce', false, 'done'],
      ['appendAccessLine', false, 'done'],
      ['look-up-company', true, 'running'],
      ['trackSignup', false, 'waiting'],
      ['send-welcome', true, 'waiting'],
    ])

    const [died, next] = await app.restarted()
    expect(last.pid).toBe(died)
    const second = await app.watch()
    const kept = ['look-up-company', 'send-welcome']
    const ends = new Map<string, RequestView['tasks'][number]>()
    while (ends.size < kept.length) {
      const { pid, tasks } = await second.until(({ tasks }) => tasks.some(({ state }) => state === 'done'))
      for (const task of tasks) if (task.state === 'done') ends.set(task.name, task)
      expect(pid).toBe(next)
    }
    expect([...ends.keys()].sort()).toEqual(kept)
    // They are the calls of before.
    expect(kept.map((name) => ends.get(name)?.id)).toEqual(kept.map((name) => taskOf(last, name).id))
    expect((await app.inbox()).map(({ to }) => to)).toEqual([email])
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
  })

  it('keeps the mails and sign-ups of before, and its address', async () => {
    await using app = await SignupApp.start()
    const before = await app.watch()
    await app.signUp({ name: 'Grace Hopper', email: 'grace@mark-one.example' })
    await before.until(isOver)
    await app.signUp({ name: 'Ada Lovelace', email: 'ada@analytical.example' }, '/signup/and-kill')
    await expect(before.ended()).rejects.toThrow()

    await app.restarted()
    const { signups, mails } = await app.state()
    expect(signups.map(({ name }) => name)).toEqual(['Ada Lovelace', 'Grace Hopper'])
    expect(mails.map(({ to }) => to)).toContain('grace@mark-one.example')
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
