import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { type Host, hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const as = (user: string) => ({ headers: { 'x-user': user } })

/** Opens a site, with a first request. From then on the callbacks of the driver are code of that request. */
async function open(host: Host): Promise<Site> {
  const site = await Site.open(new URL('programs/callback-drivers.ts', import.meta.url), { host })
  expect(await site.ask('/opens', as('Ada'))).toMatchObject({ complete: true })
  return site
}

describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await open(host)
    return () => site[Symbol.asyncDispose]()
  })

  test('defer.in(), job.in() and batch.in() belong to the request that they address', async () => {
    await site.ask('/addressed', as('Grace'))
    const { runs, ...rest } = await site.account()
    const request = { path: '/addressed' }
    // Not in the AsyncLocalStorage context of Ada's request, nor in that of the handler, which the callback does not know.
    const tasks = ['of req: nobody', 'of res: nobody', 'of a job', 'with options']
    expect(runs.filter((run) => run.request !== null)).toEqual(tasks.map((task) => run(request, task)))
    // The run of a batch belongs to no request.
    expect(runs.filter((run) => run.request === null)).toEqual([run(null, 'of a batch')])
    expect(rest).toEqual({ reports: [], warnings: [], left: [] })
  })

  test('a late defer.in() belongs to the request that it addresses, and job.in().dispatch() to none', async () => {
    await site.ask('/dispatched', as('Grace'))
    await site.ask('/addressed-late', as('Grace'))
    const { runs, ...rest } = await site.account()
    const expected = [run(null, 'dispatched'), run({ path: '/addressed-late' }, 'late')]
    expect(new Set(runs)).toEqual(new Set(expected))
    expect({ ...rest, runs: runs.length }).toEqual({ ...account([]), runs: 2 })
  })

  test('bind() keeps the request of a callback, and its AsyncLocalStorage store', async () => {
    await site.ask('/bound', as('Grace'))
    expect(await site.account()).toEqual(account([run({ path: '/bound' }, 'bound: Grace')]))
  })

  test('defer.in() of an object that no adapter knows is reported, and the task runs', async () => {
    await site.ask('/unknown', as('Grace'))
    expect(await site.account()).toEqual(account([run(null, 'unknown')], ['AFTERWORD_UNKNOWN_REQUEST']))
  })
})

describe.each([22, 24, 26] as const)('Node %s', (node) => {
  test.each([
    ['/plain', 'plain'],
    ['/ticks', 'tick'],
    ['/on-sent', 'on sent'],
  ])(
    'defer() in a callback of a connection that an earlier request has opened is reported once: %s',
    async (path, task) => {
      await using site = await open({ protocol: 'HTTP/1.1', node })
      for (let round = 0; round < 2; round++) await site.ask(path, as('Grace'))
      const wrong = run({ path: '/opens' }, task)
      expect(await site.account()).toEqual(account([wrong, wrong], ['AFTERWORD_SHARED_CONNECTION']))
    },
  )

  test.each([
    ['/awaits-late', 'awaited'],
    ['/timer-late', 'of a timer'],
  ])('a late defer() of the request itself is not reported: %s', async (path, task) => {
    await using site = await open({ protocol: 'HTTP/1.1', node })
    await site.ask(path, as('Grace'))
    await site.ran(task)
    expect(await site.account()).toEqual(account([run({ path }, task)]))
  })
})
