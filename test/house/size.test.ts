import { expect, test } from 'vitest'
import { filesIn } from './source.ts'

const lines = new Map(filesIn('src').map(({ path, text }) => [path, text.trimEnd().split('\n').length]))

test('src/: no file has more than 300 lines', () => {
  expect([...lines].filter(([, count]) => count > 300)).toEqual([])
})

test('src/: the median file has at most 80 lines', () => {
  const sorted = [...lines.values()].sort((a, b) => a - b)
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(80)
})

test.each([
  ['src/task/scope.ts', 120],
  ['src/defer.ts', 70],
])('%s fits on one screen of %i lines', (path, most) => {
  expect(lines.get(path)).toBeLessThanOrEqual(most)
})

test.each(['utils', 'helpers', 'common', 'types', 'manager'])('src/: no file is called %s', (name) => {
  expect([...lines.keys()].filter((path) => path.endsWith(`/${name}.ts`))).toEqual([])
})
