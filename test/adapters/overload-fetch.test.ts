import { expect, it } from 'vitest'
import { withAfterword } from '../../src/adapters/fetch.ts'
import { configure, defer, instance } from '../../src/index.ts'
import { Turns } from '../support/turns.ts'

it("overload: 'hold' lets a fetch handler return its response when there is room", async () => {
  configure({ maxBacklog: 2, concurrency: 1 })
  const turns = new Turns()
  const ran: string[] = []
  defer.with({ now: true })(() => turns.take('running'))
  await turns.taken('running')
  for (let i = 0; i < 2; i++) defer.with({ now: true })(() => void ran.push('due'))

  const handler = withAfterword(async (_request: Request, _context: { waitUntil(work: Promise<unknown>): void }) => {
    defer(() => void ran.push('task'))
    return new Response('kept')
  })
  const work: Promise<unknown>[] = []
  const answer = handler(new Request('http://localhost/'), { waitUntil: (promise) => work.push(promise) })
  void answer.then(() => ran.push('returned'))
  while (instance().status().held === 0) await new Promise(setImmediate)
  expect(ran).toEqual([])
  turns.end('running')
  expect(await (await answer).text()).toBe('kept')
  await Promise.all(work)
  expect(ran[0]).toBe('due')
  expect(ran.toSorted()).toEqual(['due', 'due', 'returned', 'task'])
})
