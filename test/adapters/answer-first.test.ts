import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const rounds = 20

// The deferred task blocks its thread from its first moment on, until this process tells it, by a file, that the last
// byte has arrived. Had the task begun too early, the last byte would wait for the task and the task for the last byte.
describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/server.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  test.each([
    { path: '/plain', size: 5 },
    { path: '/large', size: 2 * 1024 * 1024 },
    { path: '/deferred-last', size: 5 },
  ])(`the client has the last byte of $path before the first task runs, ${rounds} times`, async ({ path, size }) => {
    for (let round = 0; round < rounds; round++) {
      const { status, body, complete } = await site.ask(path)
      expect({ status, size: body.length, complete }).toEqual({ status: 200, size, complete: true })
    }
    expect(await site.account()).toEqual(account(Array(rounds).fill(run({ path }))))
  })
})
