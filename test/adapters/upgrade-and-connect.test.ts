import { createHash, randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { http1Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

// With an `upgrade` or `connect` listener there is no `request` event and no response to wait for.
describe.each(http1Hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/upgrade-and-connect.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  test('defer() in an upgrade listener has a scope of its own, and the WebSocket goes on', async () => {
    const wire = site.wire()
    const key = randomBytes(16).toString('base64')
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    const headers = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    wire.write(`GET /chat HTTP/1.1\r\n${headers.join('\r\n')}\r\nSec-WebSocket-Key: ${key}\r\n\r\n`)
    await wire.until('\r\n\r\n')
    expect(wire.text).toContain('HTTP/1.1 101 ')
    expect(wire.text).toContain(`Sec-WebSocket-Accept: ${accept}\r\n`)
    // A masked text frame "hi" (RFC 6455, section 5.7), which comes back unmasked.
    const mask = [1, 2, 3, 4]
    const payload = [...Buffer.from('hi')].map((byte, i) => byte ^ mask[i]!)
    wire.write(String.fromCharCode(0x81, 0x82, ...mask, ...payload))
    await wire.until('\x81\x02hi')
    await wire.close()
    const tasks = ['upgrade', 'message', 'close']
    expect(await site.account()).toEqual(account(tasks.map((task) => run(null, task))))
  })

  test('defer() in a connect listener has a scope of its own, and the tunnel works', async () => {
    const wire = site.wire()
    wire.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    await wire.until('200 Connection Established\r\n\r\n')
    wire.write('through the tunnel')
    await wire.until('THROUGH THE TUNNEL')
    await wire.close()
    expect(await site.account()).toEqual(account(['connect', 'data', 'close'].map((task) => run(null, task))))
  })

  test('an upgrade after a request on the same connection does not belong to that request', async () => {
    const wire = site.wire()
    const mark = site.marks.next()
    wire.write(`GET /plain HTTP/1.1\r\nHost: localhost\r\nX-Mark: ${mark}\r\n\r\n`)
    await wire.until('hello')
    site.marks.make(mark)
    await site.ran(mark)
    wire.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    await wire.until('200 Connection Established\r\n\r\n')
    await wire.close()
    const tunnel = ['connect', 'close'].map((task) => run(null, task))
    expect(await site.account()).toEqual(account([run({ path: '/plain' }), ...tunnel]))
  })
})
