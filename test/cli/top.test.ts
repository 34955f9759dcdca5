import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { inCells } from '../../src/cli/top/display-width.ts'
import { History, sparkline } from '../../src/cli/top/history.ts'
import { Afterword } from '../../src/index.ts'
import { Command } from '../support/command.ts'
import { Reports } from '../support/reports.ts'
import { TerminalScreen } from '../support/screen.ts'
import { Turns } from '../support/turns.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-top-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** Leaves calls that have failed, are due and are delayed: nobody works on them. */
async function fill(): Promise<void> {
  using _reports = new Reports()
  await using afterword = new Afterword({ journal: join(folder, 'journal'), worker: false, signals: false })
  const Fail = afterword.job('fail', (_n: number) => Promise.reject(new Error('no luck')), { retries: 0 })
  await Promise.all([1, 2].map((n) => Fail.defer(n).outcome))
  const Mail = afterword.job('send-mail', (_n: number) => {})
  for (const n of [1, 2, 3]) await Mail.dispatch(n)
  await Mail.with({ delay: 3_600_000 }).dispatch(4)
  const Wide = afterword.job('報告を作る', () => {})
  await Wide.dispatch()
}

/** The command on a terminal of that size. */
class Terminal extends Command {
  constructor(size: string, env: Record<string, string> = {}) {
    const place = join(folder, 'journal')
    const sized = ['sh', '-c', `tty > ${folder}/tty; stty ${size}; exec "$0" "$@"`]
    super(['top', place], { terminal: true, under: sized, env })
  }

  get screen(): TerminalScreen {
    return new TerminalScreen(this.stdout)
  }

  /** Resolves with the screen that fits. */
  async shows(fits: (screen: TerminalScreen) => boolean): Promise<TerminalScreen> {
    await expect.poll(() => fits(this.screen), { timeout: 60_000, message: this.screen.text }).toBe(true)
    return this.screen
  }

  resize(size: string): void {
    const tty = readFileSync(join(folder, 'tty'), 'utf8').trim()
    execFileSync('stty', ['-F', tty, ...size.split(' ')])
  }
}

const has = (text: string | RegExp) => (screen: TerminalScreen) => screen.text.search(text) !== -1

test('afterword top draws totals and jobs within 80 columns and 24 rows, anew each second, and restores the terminal', async () => {
  await fill()
  await using top = new Terminal('rows 24 cols 80')
  const first = await top.shows(has('quit'))
  expect([first.isAlternate, first.hasCursor, first.lines.length]).toEqual([true, false, 24])
  for (const line of first.lines) expect(inCells(line, 80).trimEnd()).toBe(line)
  expect(first.lines[0]).toMatch(/^afterword top {2}\/.* \d\d:\d\d:\d\d$/)
  expect(first.lines[1]).toMatch(/^due 4 {2}running 0 {2}later 1 {2}queued 0 {2}failed 2$/)
  expect(first.lines[2]).toMatch(/^oldest \d+ s {2}0 processes$/)
  expect(first.text).toMatch(/^send-mail +3 +\d+ s +· +1 +· +·/m)
  expect(first.text).toMatch(/^fail +· +· +· +· +2/m)
  expect(first.text).toMatch(/^報告を作る +1 /m)
  await top.shows(({ pictures }) => pictures > first.pictures + 1)
  // A process lives, and one of its calls runs.
  const turns = new Turns()
  const living = new Afterword({ journal: join(folder, 'journal'), signals: false })
  living.job('send-mail', (n: number) => turns.take(String(n)))
  await top.shows(has(new RegExp(`1 process \\(${process.pid}\\)`)))
  await top.shows(has(/running 3/))
  for (const n of ['1', '2', '3']) turns.end(n)
  await top.shows(has(/due 1 .*running 0/))
  await living.close()
  top.type('q')
  expect(await top.exited).toBe(0)
  const { isAlternate, hasCursor } = top.screen
  expect([isAlternate, hasCursor]).toEqual([false, true])
})

test('afterword top: keys filter by text and state, sort, stop the picture, and tell of themselves', async () => {
  await fill()
  await using top = new Terminal('rows 24 cols 80')
  await top.shows(has('send-mail'))
  top.type('/MAIL\r')
  const filtered = await top.shows((screen) => has('/MAIL  f state')(screen) && !has(/^fail /m)(screen))
  expect(filtered.text).toMatch(/^send-mail /m)
  top.type('\x1b')
  await top.shows(has(/^fail /m))
  top.type('f')
  await top.shows(has('state: due'))
  top.type('ffff')
  const failed = await top.shows(has('state: failed'))
  expect(failed.text).toMatch(/^fail /m)
  expect(failed.text).not.toMatch(/^send-mail /m)
  top.type('\x1b')
  await top.shows(has('state: all'))
  top.type('ssss')
  const sorted = await top.shows(has('sort: name'))
  expect(sorted.text).toMatch(/^fail [\s\S]*^send-mail [\s\S]*^報告/m)
  top.type('p')
  await top.shows(has('stopped at'))
  top.type('p?')
  const help = await top.shows(has('any key: back'))
  expect(help.text).toContain('queued: behind another')
  top.type('x')
  await top.shows(has('q quit'))
  top.type('\x03')
  expect(await top.exited).toBe(0)
  expect(top.screen.isAlternate).toBe(false)
})

test('afterword top fits itself to another size of the terminal', async () => {
  await fill()
  await using top = new Terminal('rows 24 cols 80')
  await top.shows(has('quit'))
  top.resize('rows 12 cols 50')
  const small = await top.shows(({ lines }) => lines.length === 12)
  for (const line of small.lines) expect(inCells(line, 50).trimEnd()).toBe(line)
  top.resize('rows 40 cols 132')
  await top.shows(({ lines }) => lines.length === 40)
})

test.each(['SIGTERM', 'SIGHUP'] as const)('afterword top restores the terminal at a %s', async (signal) => {
  await fill()
  await using top = new Terminal('rows 24 cols 80')
  await top.shows(has('quit'))
  const tty = readFileSync(join(folder, 'tty'), 'utf8').trim().replace('/dev/', '')
  const [pid = ''] = execFileSync('ps', ['-t', tty, '-o', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('main.ts'))
    .map((line) => line.trim().split(' ', 1)[0])
  process.kill(Number(pid), signal)
  await top.exited
  const { isAlternate, hasCursor } = top.screen
  expect([isAlternate, hasCursor]).toEqual([false, true])
})

test('afterword top uses no colour where NO_COLOR is set, and else it does', async () => {
  await fill()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colours
  const colour = /\x1b\[\d+m/
  for (const [env, expected] of [
    [{ NO_COLOR: '1' }, false],
    [{}, true],
  ] as const) {
    await using top = new Terminal('rows 24 cols 80', env)
    await top.shows(has('quit'))
    expect(colour.test(top.stdout)).toBe(expected)
  }
})

test('afterword top without a terminal prints one snapshot; with --json a line each second', async () => {
  await fill()
  const place = join(folder, 'journal')
  {
    await using command = new Command(['top', place])
    expect(await command.exited).toBe(0)
    expect(command.stdout).toMatch(/^due +running +later +queued +failed +oldest +processes\n4 +0 +1 +0 +2 +\d+ s +0\n/)
    expect(command.stdout).toMatch(/^send-mail +3 +0 +1 +0 +0 +\d+ s$/m)
    expect(command.stderr).toBe('')
  }
  await using command = new Command(['top', place, '--json', '--limit', '2'])
  expect(await command.exited).toBe(0)
  const lines = command.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines).toHaveLength(2)
  expect(lines[1]).toMatchObject({ totals: { due: 4, running: 0, later: 1, failed: 2 }, processes: [] })
  expect(Date.parse(lines[1].at)).toBeGreaterThan(Date.parse(lines[0].at))
})

test('afterword top of a folder that is no journal says so, before it takes the terminal', async () => {
  await using top = new Terminal('rows 24 cols 80')
  expect(await top.exited).toBe(1)
  expect(top.stdout).toContain('does not exist')
  expect(top.stdout).not.toContain('\x1b[?1049h')
})

test('a sparkline has the highest of the values that share a bar, and the latest at its end', () => {
  expect(sparkline([0, 1, 2, 4, 8], 5)).toBe('▁▂▃▅█')
  expect(sparkline([0, 8, 0, 0], 2)).toBe('█▁')
  expect(sparkline([1], 4)).toBe('   █')
})

test('the history of top is bounded, and tells the change in a second', () => {
  const history = new History()
  const counts = { due: 0, running: 0, later: 0, queued: 0, oldestAge: 0, isPaused: false }
  for (let second = 0; second < 1000; second++) {
    const jobs = [{ ...counts, job: 'fail', failed: 3 * second }]
    history.add({ at: 1000 * second, processes: [], jobs, troubles: [] })
  }
  expect(history.rates).toMatchObject({ failed: 3, due: 0 })
  expect(history.of('failed')).toHaveLength(240)
  expect(history.ofJob('fail').length).toBeLessThanOrEqual(240)
})
