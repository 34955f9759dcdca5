import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { repository } from '../../tools/next-build.ts'

/** The files that are read for advice, by their path. */
const texts = ['README.md', 'CHANGELOG.md', ...filesIn('docs'), ...filesIn('src'), ...filesIn('examples')]

function filesIn(folder: string): string[] {
  return readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(md|ts|tsx)$/.test(file) && !/node_modules|\.next/.test(file))
    .map((file) => join(folder, file))
}

it('no text advises what does not compile: outside a task currentTask() is undefined', () => {
  const wrong = texts.filter((file) => /currentTask\(\)\./.test(readFileSync(join(repository, file), 'utf8')))
  expect(wrong).toEqual([])
})
