import { describe, expect, test } from 'vitest'
import type { Account } from '../support/account.ts'
import { account, run } from '../support/account.ts'
import { type Message, Program } from '../support/program.ts'

// No server and no socket: the request and the response only pose as such.
describe.each([22, 24] as const)('light-my-request on Node %i', (node) => {
  test.each([
    { title: 'answers', url: '/hello?secret=1', runs: [run({ path: '/hello' })] },
    { title: 'answers a POST', url: '/body', runs: [run({ method: 'POST', path: '/body' })] },
    { title: 'answers with a 404', url: '/nothing', runs: [run({ path: '/nothing', status: 404 })] },
    {
      title: 'is destroyed',
      url: '/destroys',
      runs: [run({ path: '/destroys', delivered: false, aborted: true })],
    },
  ])('$title', async ({ url, runs }) => {
    await using program = new Program(new URL('programs/injection.ts', import.meta.url), { node, args: [url] })
    const message = await program.message<Message & { account: Account }>('account')
    expect(message.account).toEqual(account(runs))
  })
})
