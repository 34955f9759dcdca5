import { describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/other-servers.ts', import.meta.url)

describe.each([22, 24] as const)('afterword/auto on Node %i', (node) => {
  test.each([
    {
      title: 'a server that gets its connections from another and never listens',
      server: 'handed-over',
      protocol: 'HTTP/1.1',
    },
    { title: 'HTTP/2 on a server that takes HTTP/1 too', server: 'both', protocol: 'h2' },
    { title: 'HTTP/1 on a server that takes HTTP/2 too', server: 'both', protocol: 'HTTPS' },
    { title: 'a class of its own that extends the server', server: 'subclass', protocol: 'HTTP/1.1' },
    { title: 'a server on a server: two `request` listeners', server: 'two-listeners', protocol: 'HTTP/1.1' },
  ] as const)('$title', async ({ server, protocol }) => {
    await using site = await Site.open(program, { host: { protocol, node }, args: [server] })
    for (let round = 0; round < 3; round++) {
      expect(await site.ask('/')).toMatchObject({ status: 200, body: Buffer.from('hello'), complete: true })
    }
    expect(await site.account()).toEqual(account(Array(3).fill(run({}))))
  })
})
