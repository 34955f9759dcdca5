import { expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/trpc.ts', import.meta.url)

test.each([22, 24] as const)('defer() in a mutation of tRPC belongs to the request, on Node %i', async (node) => {
  await using site = await Site.open(program, { host: { protocol: 'HTTP/1.1', node } })
  const ask = (body: unknown) =>
    site.ask('/user.signUp', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  const answer = await ask('a@b.c')
  expect(answer).toMatchObject({ status: 200, complete: true })
  expect(JSON.parse(String(answer.body))).toEqual({ result: { data: 'a@b.c' } })
  expect(await ask(7)).toMatchObject({ status: 400, complete: true })
  expect(await site.account()).toEqual(account([run({ method: 'POST', path: '/user.signUp' })]))
})
