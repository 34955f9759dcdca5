import { expect, test } from 'vitest'
import type { Account } from '../support/account.ts'
import { account, run } from '../support/account.ts'
import { type Message, Program } from '../support/program.ts'

// No server and no socket: the request and the response only pose as such.
test.each([22, 24] as const)('light-my-request: injected requests run their tasks once, on Node %i', async (node) => {
  await using program = new Program(new URL('programs/injection.ts', import.meta.url), { node })
  const message = await program.message<Message & { account: Account }>('account')
  const runs = [
    run({ path: '/hello' }),
    run({ method: 'POST', path: '/body' }),
    run({ path: '/nothing', status: 404 }),
    run({ path: '/destroys', delivered: false, aborted: true }),
  ]
  expect(message.account).toEqual(account(runs))
})
