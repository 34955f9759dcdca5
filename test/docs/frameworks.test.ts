import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { repository } from '../../tools/next-build.ts'

/** Examples of something else. */
const others = ['signup', 'export', 'fleet', 'engine']
const pages = readdirSync(join(repository, 'docs/frameworks')).filter((file) => file !== 'README.md')
const page = (file: string) => readFileSync(join(repository, 'docs/frameworks', file), 'utf8')
const index = page('README.md')

/** Every file of an example, without what differs between a page and a file: how far it is indented. */
function example(name: string): string[] {
  return readdirSync(join(repository, 'examples', name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.next'))
    .map((entry) => unindented(readFileSync(join(entry.parentPath, entry.name), 'utf8')))
}
const unindented = (text: string) => text.replaceAll(/^\s+/gm, '')

test('every example of a framework has its page', () => {
  const examples = readdirSync(join(repository, 'examples')).filter((name) => !others.includes(name))
  expect(pages.map((file) => basename(file, '.md')).sort()).toEqual(examples.sort())
})

describe.each(pages)('docs/frameworks/%s', (file) => {
  const name = basename(file, '.md')

  it('the page is listed, and links its example', () => {
    expect(index).toContain(`](${file})`)
    expect(page(file)).toContain(`../../examples/${name}`)
  })

  it('shows code of that example, which the tests run', () => {
    const files = example(name)
    const blocks = page(file).match(/(?<=```ts\n).*?(?=```)/gs) ?? []
    expect(blocks.length).toBeGreaterThan(0)
    for (const block of blocks) {
      expect(
        files.some((text) => text.includes(unindented(block).trim())),
        block,
      ).toBe(true)
    }
  })
})
