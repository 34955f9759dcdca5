import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { http1Hosts, http2Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/server.ts', import.meta.url)

describe.each(http1Hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(program, { host })
    return () => site[Symbol.asyncDispose]()
  })

  test('a body shorter than its Content-Length counts as sent', async () => {
    const visit = site.visit('/too-short')
    await visit.heard
    // The client waits for bytes that will never come.
    site.marks.make(visit.mark)
    await site.ran(visit.mark)
    expect(await visit.leave('close')).toMatchObject({ complete: false })
    expect(await site.account()).toEqual(account([run({ path: '/too-short' })]))
  })

  test('a body longer than its Content-Length counts as sent', async () => {
    const wire = site.wire()
    const mark = site.marks.next()
    wire.write(`GET /too-long HTTP/1.1\r\nHost: localhost\r\nX-Mark: ${mark}\r\n\r\n`)
    await wire.until('0123456789')
    site.marks.make(mark)
    await site.ran(mark)
    await wire.close()
    expect(await site.account()).toEqual(account([run({ path: '/too-long' })]))
  })

  test('strictContentLength throws, and the handler breaks the response off', async () => {
    expect(await site.ask('/strict')).toMatchObject({ complete: false })
    expect(await site.account()).toEqual(account([run({ path: '/strict', delivered: false, aborted: true })]))
  })
})

describe.each(http2Hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(program, { host })
    return () => site[Symbol.asyncDispose]()
  })

  test.each(['/too-short', '/too-long'])('%s: the client breaks the stream off', async (path) => {
    expect(await site.ask(path)).toMatchObject({ complete: false })
    const { runs, ...rest } = await site.account()
    // Whether the server learns of it before it has closed the stream is open.
    const delivered = runs[0]?.request?.delivered ?? false
    expect({ runs, ...rest }).toEqual(account([run({ path, delivered, aborted: !delivered })]))
  })
})
