import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

// As when a bundle has one copy of the package and node_modules another.
describe.concurrent.each(hosts.filter(({ protocol }) => protocol === 'HTTP/1.1' || protocol === 'h2'))(
  'two copies of the package in one process, $protocol on Node $node',
  (host) => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-copy-'))
    beforeAll(() => {
      cpSync(new URL('../../src', import.meta.url), join(folder, 'src'), { recursive: true })
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
      return () => rmSync(folder, { recursive: true })
    })

    test.each([
      { title: 'both open scopes', entries: ['auto', 'auto of the copy'] },
      { title: 'only the copy opens scopes', entries: ['auto of the copy'] },
      { title: 'one opens scopes at once, the other by attach', entries: ['auto', 'attach of the copy'] },
    ])('two copies of the package, $title: they share the scope, the order and the shutdown', async ({ entries }) => {
      const copy = pathToFileURL(join(folder, 'src/')).href
      await using site = await Site.open(new URL('programs/package-copies.ts', import.meta.url), {
        host,
        args: [copy, ...entries],
      })
      expect(await site.ask('/', { method: 'POST', body: 'hello' })).toMatchObject({ status: 200, complete: true })
      const runs = ['task', 'task of the copy', 'copy'].map((task) => run({ method: 'POST' }, task))
      expect(await site.account()).toEqual(account(runs))
      site.program.kill('SIGTERM')
      expect(await site.program.exited).toEqual({ code: 0, signal: null })
    })
  },
)
