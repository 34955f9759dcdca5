import { describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts, http2Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const auto = new URL('../../src/adapters/auto.ts', import.meta.url)
const server = new URL('programs/server.ts', import.meta.url)
const middleware = new URL('programs/middleware.ts', import.meta.url)

async function expectOneRunEach(site: Site, tasks = ['task']): Promise<void> {
  expect(await site.ask('/plain')).toMatchObject({ status: 200, complete: true })
  expect(await site.ask('/plain', { method: 'POST', body: 'hello' })).toMatchObject({ status: 200, complete: true })
  const requests = [{ path: '/plain' }, { method: 'POST', path: '/plain' }]
  expect(await site.account()).toEqual(account(requests.flatMap((request) => tasks.map((task) => run(request, task)))))
}

describe.concurrent.each(hosts)('$protocol on Node $node', (host) => {
  test.each([
    { entry: 'node --import afterword/auto', args: ['none'], nodeArgs: ['--import', auto.href] },
    { entry: 'attach(server)', args: ['attach'], nodeArgs: [] },
  ])('$entry opens a scope for each request', async ({ args, nodeArgs }) => {
    await using site = await Site.open(server, { host, args, nodeArgs })
    await expectOneRunEach(site)
  })
})

describe.concurrent.each(hosts.filter(({ node }) => node === 24))('$protocol', (host) => {
  test('attach(server) behind --import afterword/auto runs each task once', async () => {
    await using site = await Site.open(server, { host, args: ['attach'], nodeArgs: ['--import', auto.href] })
    await expectOneRunEach(site)
  })

  test('defer() without an entry point has a scope of its own', async () => {
    await using site = await Site.open(server, { host, args: ['none'] })
    await site.ask('/notes')
    expect(await site.account()).toEqual(account([run(null)], ['AFTERWORD_NO_SCOPE']))
  })
})

// What Express makes of a request doesn't depend on TLS.
describe.concurrent.each(hosts.filter(({ protocol }) => protocol === 'HTTP/1.1'))(
  'afterword() as a middleware on Node $node',
  (host) => {
    const frameworks = ['express', 'express-4', 'connect']
    const entries = [['middleware'], ['auto', 'attach', 'middleware', 'middleware again']]
    test.each(frameworks.flatMap((framework) => entries.map((entries) => ({ framework, entries }))))(
      'of $framework, with the entry points $entries',
      async ({ framework, entries }) => {
        await using site = await Site.open(middleware, { host, args: [framework, ...entries] })
        await expectOneRunEach(site, ['task', 'handler'])
      },
    )
  },
)

describe.concurrent.each(http2Hosts)('a middleware of connect, $protocol on Node $node', (host) => {
  test('afterword() runs each task once behind all other entry points', async () => {
    const entries = ['auto', 'attach', 'middleware', 'middleware again']
    await using site = await Site.open(middleware, { host, args: ['connect', ...entries] })
    await expectOneRunEach(site, ['task', 'handler'])
  })
})
