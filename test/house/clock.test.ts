import { expect, test } from 'vitest'
import { filesIn, type SourceFile } from './source.ts'

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'queueMicrotask']
/** Clocks, and timers of other modules, that tests replace as well. */
const others =
  /\bperformance\.(now|timeOrigin)\b|\bDate\.now\b|\bnew Date\(\)|\bprocess\.(nextTick|hrtime)\b|\bAbortSignal\.timeout\b|['"](node:)?timers(\/promises)?['"]|\b(nextTick|setTimeout|setImmediate)\b.*= globalThis/

/** Lists the lines that use a timer or a clock of the process instead of those of `src/clock.ts`. */
function uses({ path, text }: SourceFile): string[] {
  const [imported = ''] = /import \{[^}]*\} from '(\.\.?\/)+clock\.ts'/.exec(text) ?? []
  const foreign = timers.filter((name) => !new RegExp(`\\b${name}\\b`).test(imported))
  const pattern = new RegExp(`(?<![\\w.#])(globalThis\\.)?(${foreign.join('|') || '(?!)'})\\b`)
  return text.split('\n').flatMap((line, index) => {
    const code = line
      .replace(/^\s*(\*|\/\/|\/\*\*).*/, '')
      .replace(/ \/\/ .*/, '')
      .replace(/`[^`]*`/g, '')
    return pattern.test(code) || others.test(code) ? [`${path}:${index + 1} ${line.trim()}`] : []
  })
}

test('src/: no file uses the timers and clocks that tests replace, but by clock.ts', () => {
  const files = filesIn('src').filter(({ path }) => path !== 'src/clock.ts' && !path.startsWith('src/dashboard/page/'))
  expect(files.length).toBeGreaterThan(100)
  expect(files.flatMap(uses)).toEqual([])
})

test.each([
  'setTimeout(fn, 1)',
  'await new Promise(setImmediate)',
  'const now = Date.now()',
  'globalThis.setImmediate(fn)',
  "import { setTimeout as pause } from 'node:timers/promises'",
  'process.nextTick(fn)',
])('test/house: %s is found', (text) => {
  expect(uses({ path: 'a.ts', text })).toHaveLength(1)
  expect(uses({ path: 'a.ts', text: `// ${text}` })).toEqual([])
})

test('test/house: what clock.ts has is not found', () => {
  const text = "import { clock, setTimeout } from '../clock.ts'\nsetTimeout(fn, clock.now())\nlist.setImmediate()"
  expect(uses({ path: 'a.ts', text })).toEqual([])
})
