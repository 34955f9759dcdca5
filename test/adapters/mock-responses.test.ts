import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { afterword } from '../../src/adapters/express.ts'
import { currentTask, defer } from '../../src/index.ts'
import { flush } from '../../src/testing/index.ts'

/** The parts of a response that a mock of an app's tests has. */
class Mock {
  statusCode = 201
  writableEnded = false
  setHeader(): void {}
  end(): void {
    this.writableEnded = true
  }
}

class EmittingMock extends EventEmitter {
  statusCode = 201
  writableFinished = false
  end(): void {
    this.writableFinished = true
    this.emit('finish')
  }
}

const nodes = () => {
  const req = new IncomingMessage(null as unknown as Socket)
  req.method = 'GET'
  return [req, Object.assign(new ServerResponse(req), { statusCode: 201 })]
}
const request = () => ({ method: 'GET', url: '/', headers: {} })

test.each([
  ["Node's own without a socket", nodes],
  ['a mock that emits', () => [request(), new EmittingMock()]],
  ['a mock whose listeners are never called', () => [request(), Object.assign(new Mock(), { on() {}, emit() {} })]],
  ['a mock without listeners', () => [request(), new Mock()]],
])('a middleware runs the tasks of a response once that has ended: %s', async (_what, make) => {
  const [req, res] = make() as [IncomingMessage, ServerResponse]
  const ran: unknown[] = []
  afterword()(req, res, () => {
    defer(() => void ran.push([currentTask()?.request?.status, currentTask()?.request?.delivered]))
  })
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  expect(ran).toEqual([])
  res.end()
  await flush()
  expect(ran).toEqual([[201, true]])
})
