import { describe, expect, test } from 'vitest'
import { account } from '../support/account.ts'
import { hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/memory.ts', import.meta.url)

describe.each([
  { path: '/', title: 'an open connection keeps no memory of its requests' },
  { path: '/nothing-deferred', title: 'a timer that a handler leaves behind keeps no memory of its request' },
])('$title', ({ path }) => {
  test.each(hosts)('$protocol on Node $node', async (host) => {
    await using site = await Site.open(program, { host, nodeArgs: ['--expose-gc'] })
    for (let round = 0; round < 5; round++) expect(await site.ask(path)).toMatchObject({ complete: true })
    // On HTTP/1 Node itself keeps the last one.
    await site.ask('/last')
    const kept = await site.ask('/kept')
    expect(JSON.parse(String(kept.body))).toEqual({ request: 0, argument: 0, store: 0 })
    expect(await site.account()).toEqual({ ...account([]), runs: expect.any(Array) })
  })
})
