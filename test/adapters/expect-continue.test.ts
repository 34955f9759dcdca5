import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

// `checkContinue` and `checkExpectation` come instead of `request`.
describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/expect-continue.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })
  const ask = { method: 'POST', body: 'hello', headers: { expect: '100-continue' } }

  test('a checkContinue listener that passes the request on shares its scope', async () => {
    const visit = site.visit('/continues', ask)
    await visit.heard
    site.go(visit.mark)
    expect(await visit.answer).toMatchObject({ status: 200, body: Buffer.from('5'), informational: [100] })
    const request = { method: 'POST', path: '/continues' }
    expect(await site.account()).toEqual(account([run(request), run(request, 'request')]))
  })

  test('a checkContinue listener that refuses opens a scope', async () => {
    expect(await site.ask('/refuses', ask)).toMatchObject({ status: 417, informational: [] })
    const request = { method: 'POST', path: '/refuses', status: 417 }
    expect(await site.account()).toEqual(account([run(request, 'checkContinue')]))
  })

  test('a checkExpectation listener opens a scope', async () => {
    const wanted = { headers: { expect: 'the unexpected' } }
    expect(await site.visit('/expects', wanted).answer).toMatchObject({ status: 417 })
    expect(await site.account()).toEqual(account([run({ path: '/expects', status: 417 }, 'checkExpectation')]))
  })
})
