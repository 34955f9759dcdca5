import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/capture-rejections.ts', import.meta.url)
const paths = ['/before', '/after-write', '/after-end']
const cases = hosts.flatMap((host) => {
  if (host.protocol === 'HTTP/1.1') return [{ host, ...host, api: 'one', paths }]
  if (host.protocol !== 'h2c') return []
  return [
    { host, ...host, api: 'one', paths },
    { host, ...host, api: 'both', paths: [...paths, ...paths.map((path) => `/stream${path}`)] },
  ]
})

describe.each(cases)('$protocol on Node $node, $api API', ({ host, api, paths }) => {
  let plain: Site
  let held: Site
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-rejections-'))
    plain = await Site.open(program, { host, args: [api, 'plain'] })
    held = await Site.open(program, { host, args: [api, folder] })
    return async () => {
      await Promise.all([plain, held].map((site) => site[Symbol.asyncDispose]()))
      rmSync(folder, { recursive: true })
    }
  })

  test.each(paths)('captureRejections answers for a held response as for any other: %s', async (path) => {
    const seen = await plain.ask(path)
    const answer = await held.ask(path)
    expect(answer.complete).toBe(seen.complete)
    // Of a stream that was reset the head may have left, or not.
    if (seen.complete) expect([answer.status, answer.body]).toEqual([seen.status, seen.body])
    // The server lives on, and is asked over another connection.
    await held.account()
    expect(await held.ask('/before')).toMatchObject({ status: 500 })
  })
})
