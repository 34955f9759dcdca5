import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/async-context.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  test('a task has the AsyncLocalStorage of its request, and no other task has it', async () => {
    for (const user of ['Ada', '', 'Grace', '']) await site.ask('/user', { headers: { 'x-user': user } })
    const tasks = ['user: Ada', 'user: nobody', 'user: Grace', 'user: nobody']
    expect(await site.account()).toEqual(account(tasks.map((task) => run({ path: '/user' }, task))))
  })

  test('enterWith() in a task ends with the task', async () => {
    await site.ask('/enters')
    const entered = ['user: nobody', 'entered: Mallory', 'user: nobody'].map((task) => run({ path: '/enters' }, task))
    expect(await site.account()).toEqual(account(entered))
    await site.ask('/user')
    expect(await site.account()).toEqual(account([run({ path: '/user' }, 'user: nobody')]))
  })

  test('defer() in a timer of the module belongs to no request', async () => {
    const visit = site.visit('/ticks')
    await site.told('waiting', visit.mark)
    expect(await visit.answer).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account([run(null, 'tick: nobody'), run({ path: '/ticks' })]))
  })

  test('defer() in a listener belongs to the request that emits the event', async () => {
    await site.ask('/emits', { headers: { 'x-user': 'Ada' } })
    await site.ask('/emits', { headers: { 'x-user': 'Grace' } })
    const tasks = ['heard: Ada', 'heard: Grace']
    expect(await site.account()).toEqual(account(tasks.map((task) => run({ path: '/emits' }, task))))
  })

  test('a request of a handler to its own server has a scope of its own', async () => {
    expect(await site.ask('/outer')).toMatchObject({ body: Buffer.from('inner: hello'), complete: true })
    const { runs, ...rest } = await site.account()
    expect(new Set(runs)).toEqual(new Set([run({ path: '/inner' }, 'inner'), run({ path: '/outer' }, 'outer')]))
    expect({ ...rest, runs: runs.length }).toEqual({ ...account([]), runs: 2 })
  })
})
