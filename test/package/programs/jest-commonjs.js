// The tests of an app in CommonJS, as Jest runs them by default; copied to `a.test.js` in a project of its own.
const http = require('node:http')
const { AfterwordError, configure, defer, job } = require('afterword')
const { attach } = require('afterword/node-http')
const { flush, runInline } = require('afterword/testing')

configure({ journal: process.env.JOURNAL })
const sent = []
const Send = job('send', (to) => void sent.push(to))
beforeEach(() => void (sent.length = 0))
afterEach(() => jest.useRealTimers())

test('a request', async () => {
  const server = http.createServer(async (_req, res) => {
    Send.defer('deferred')
    await Send.with({ delay: 1 }).dispatch('dispatched')
    defer(() => sent.push('a function'))
    res.end('answered')
  })
  attach(server)
  await new Promise((resolve) => server.listen(0, resolve))
  const response = await fetch(`http://localhost:${server.address().port}`)
  expect(await response.text()).toBe('answered')
  while (sent.length < 3) await new Promise((resolve) => setImmediate(resolve))
  expect(sent.sort()).toEqual(['a function', 'deferred', 'dispatched'])
  await new Promise((resolve) => server.close(resolve))
})

test('fake timers', async () => {
  jest.useFakeTimers()
  Send.defer('while time stands still')
  await flush()
  await runInline(() => Send.defer('in line'))
  expect(sent).toEqual(['while time stands still', 'in line'])
})

test('an error', () => {
  expect(() => job('', () => {})).toThrow(AfterwordError)
})
