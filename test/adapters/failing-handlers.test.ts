import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const uncaught = run(null, 'uncaught: broken')

// Without a framework a handler that throws ends in `uncaughtException`. That stays so, and the process that survives
// by a listener there has its tasks run.
describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/uncaught.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  test.each(['/throws', '/throws-after-await', '/throws-in-timer'])(
    'a handler that %s before the headers runs its tasks',
    async (path) => {
      expect(await site.ask(path)).toMatchObject({ status: 500, body: Buffer.from('sorry'), complete: true })
      expect(await site.account()).toEqual(account([uncaught, run({ path, status: 500 })]))
    },
  )

  test('a handler that throws after the headers runs its tasks', async () => {
    const { status, body } = await site.ask('/throws-amid')
    expect({ status, body: String(body) }).toEqual({ status: 200, body: 'half' })
    const request = { path: '/throws-amid', delivered: false, aborted: true }
    expect(await site.account()).toEqual(account([uncaught, run(request)]))
  })

  test('a handler that throws after the end runs its tasks', async () => {
    expect(await site.ask('/throws-at-last')).toMatchObject({ body: Buffer.from('hello'), complete: true })
    expect(await site.account()).toEqual(account([uncaught, run({ path: '/throws-at-last' })]))
  })

  test('a finish or close listener that throws keeps no task from running', async () => {
    expect(await site.ask('/throws-in-listeners')).toMatchObject({ body: Buffer.from('hello'), complete: true })
    const { runs, ...rest } = await site.account()
    expect(runs).toContainEqual(run({ path: '/throws-in-listeners' }))
    expect(runs.filter(({ task }) => task === 'task')).toHaveLength(1)
    expect(rest).toEqual({ reports: [], warnings: [], left: [] })
  })

  test('the next request on the connection has no task of the failed one', async () => {
    // After a throw out of the `request` event itself Node 22 and 24 take no further request on an HTTP/1 connection.
    const path = '/throws-after-await'
    expect(await site.ask(path)).toMatchObject({ status: 500 })
    expect(await site.ask('/plain')).toMatchObject({ status: 200, complete: true })
    const runs = [uncaught, run({ path, status: 500 }), run({ path: '/plain' })]
    expect(await site.account()).toEqual(account(runs))
  })
})
