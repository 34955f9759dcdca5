import { expect, test } from 'vitest'
import { filesIn } from './source.ts'

/** The files that have the timers of the host. */
const grounds = ['src/clock.ts', 'src/timers.ts']

/** The parts whose timers have delays of their own, all of them short; and the page, which runs in a browser. */
const apart = /^src\/(journal|adapters|cli|dashboard\/page)\//

/** Lists the files that set a timer of the host by themselves, which could not be longer than 24.8 days. */
function settingTimers(files: readonly { readonly path: string; readonly text: string }[]): string[] {
  return files
    .filter(({ path, text }) => !grounds.includes(path) && !apart.test(path) && /\bset(Timeout|Interval)\b/.test(text))
    .map(({ path }) => path)
}

test('src/: timers whose delay an app can choose are set by `setTimer` alone', () => {
  expect(settingTimers(filesIn('src'))).toEqual([])
})

test('test/house: a file that sets a timer by itself is found', () => {
  const files = ['src/schedule/run.ts', 'src/timers.ts', 'src/journal/protocol.ts']
  expect(settingTimers(files.map((path) => ({ path, text: 'setTimeout(fn, timeout)' })))).toEqual([
    'src/schedule/run.ts',
  ])
})
