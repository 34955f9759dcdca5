// The tests of an app in TypeScript, as ts-jest compiles and checks them by default; copied to `c.spec.ts` in a project of its own.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, jest, test } from '@jest/globals'
import { AfterwordError, configure, currentTask, defer, job } from 'afterword'
import { attach } from 'afterword/node-http'
import { flush, record, runInline } from 'afterword/testing'

configure({ journal: process.env.JOURNAL! })
const sent: string[] = []
const Send = job('send', (to: string) => void sent.push(`${to}, attempt ${currentTask()?.attempt}`))
afterEach(() => {
  sent.length = 0
  jest.useRealTimers()
})

test('a request', async () => {
  using recorded = record()
  const server = createServer((_req, res) => {
    Send.defer('deferred')
    defer((to: string) => void sent.push(to), 'a function')
    res.end('answered')
  })
  attach(server)
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const response = await fetch(`http://localhost:${(server.address() as AddressInfo).port}`)
  expect(await response.text()).toBe('answered')
  await flush()
  expect(sent).toEqual(['deferred, attempt 1', 'a function'])
  expect(recorded.named('send').map(({ args }) => args)).toEqual([['deferred']])
  await new Promise((resolve) => server.close(resolve))
})

test('fake timers', async () => {
  jest.useFakeTimers()
  Send.defer('while time stands still')
  await flush()
  await runInline(() => Send.defer('in line'))
  expect(sent).toEqual(['while time stands still, attempt 1', 'in line, attempt 1'])
})

test('an error, and a call of wrong types', () => {
  expect(() => job('', () => {})).toThrow(AfterwordError)
  // @ts-expect-error A number is no address.
  const wrong = () => Send.defer(7)
  expect(wrong).toBeInstanceOf(Function)
})
