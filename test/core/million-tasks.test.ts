import { expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'

const connections = 8
const requests = 1000
const tasks = 1000
const maxBacklog = 10_000

it('maxBacklog bounds the backlog while a million tasks run', async () => {
  await using afterword = new Afterword({ maxBacklog })
  let ran = 0
  let most = 0
  let held = 0
  const count = () => void ran++
  await using site = await serve(afterword, (_req, res) => {
    for (let i = 0; i < tasks; i++) afterword.defer(count)
    const { backlog, unsent, held: now } = afterword.status()
    most = Math.max(most, backlog + unsent)
    held = Math.max(held, now)
    res.end()
  })
  let left = requests
  const client = async () => {
    while (left-- > 0) await site.get()
  }
  await Promise.all(Array.from({ length: connections }, client))
  await afterword.drain()
  expect(ran).toBe(requests * tasks)
  // Beyond the backlog there are the tasks of the open responses, and of the last one that was let go.
  expect(most).toBeLessThan(maxBacklog + (connections + 1) * tasks)
  expect(held).toBeLessThanOrEqual(connections)
})
