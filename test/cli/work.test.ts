import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Command, type CommandOptions, screen } from '../support/command.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-work-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))

/** `afterword work` on the jobs of `programs/jobs.ts`. */
function work(args: string[] = [], { env = {}, ...options }: CommandOptions = {}): Command {
  return new Command(['work', program('jobs'), ...args], { env: { JOBS_FOLDER: folder, ...env }, ...options })
}

/** Dispatches calls that no process has room for yet. */
async function dispatch(...calls: [job: string, ...args: unknown[]][]): Promise<void> {
  await using afterword = new Afterword({ journal: folder, worker: false })
  const never = (..._args: unknown[]) => {}
  await Promise.all(calls.map(([name, ...args]) => afterword.job(name, never).dispatch(...args)))
}

const start = 'afterword works on say, fail, stay, leave (64 at once)\n'

test('afterword work runs dispatched jobs until a signal, and prints only its start', async () => {
  await dispatch(['say', 'hello'], ['say', 'again'])
  await using command = work()
  await command.printed(/said again/)
  command.kill('SIGTERM')
  expect(await command.exited).toBe(0)
  expect(command.stdout).toBe(`${start}said hello\nsaid again\n`)
  expect(command.stderr).toBe('')
})

test('afterword work finishes its runs on a signal', async () => {
  await dispatch(['stay'])
  await using command = work(['--json'])
  await command.printed(/staying/)
  command.kill('SIGTERM')
  expect(await command.exited).toBe(0)
  const events = command.stdout.split('\n').filter((line) => line.startsWith('{'))
  expect(events.map((line) => JSON.parse(line))).toEqual([
    { event: 'start', pid: expect.any(Number), jobs: ['say', 'fail', 'stay', 'leave'], concurrency: 64 },
    { event: 'end', code: 0, done: 1, failed: 0, timedOut: 0, cancelled: 0 },
  ])
})

test.each(['true', 'false'])(
  'afterword work ends with 1 if a task is left that was only in memory; signals: %s',
  async (signals) => {
    await dispatch(['leave'])
    await using command = work([], { env: { JOBS_TIMEOUT: '1', JOBS_SIGNALS: signals } })
    await command.printed(/left leave/)
    command.kill('SIGTERM')
    expect(await command.exited).toBe(1)
    expect(command.stderr).toMatch(/^AFTERWORD_UNFINISHED: The process ends with unfinished tasks: "forgotten"/)
  },
)

test('afterword work ends with 0 where the app has signals: false and no listener', async () => {
  await dispatch(['say', 'hello'])
  await using command = work([], { env: { JOBS_SIGNALS: 'false' } })
  await command.printed(/said hello/)
  command.kill('SIGINT')
  expect(await command.exited).toBe(0)
})

test('afterword work --jobs --concurrency claims only some jobs, and so many at once', async () => {
  await dispatch(['say', 'hello'], ['stay'])
  await using command = work(['--jobs', 'stay', '--concurrency', '3'])
  await command.printed(/staying/)
  expect(command.stdout).toBe('afterword works on stay (3 at once)\nstaying\n')
})

test.each([
  [['--jobs', 'a,b'], ['a,b']],
  [
    ['--jobs', 'b,a,b,a'],
    ['b', 'a,b', 'a'],
  ],
  [
    ['--jobs', 'a', '--jobs', 'a,b'],
    ['a', 'a,b'],
  ],
])('afterword work takes names with commas: %j', async (args, jobs) => {
  await using command = new Command(['work', program('commas'), '--json', ...args], { env: { JOBS_FOLDER: folder } })
  await command.printed(/"start"/)
  expect(JSON.parse(command.stdout)).toMatchObject({ event: 'start', jobs })
})

describe('afterword work on a terminal', () => {
  test('counts in its last line, above which all other output stands', async () => {
    await dispatch(['say', 'hello'], ['fail'])
    await using command = work([], { terminal: true })
    await command.printed(/1 done, 1 failed, 0 running/)
    // Ctrl-C.
    command.type('\x03')
    expect(await command.exited).toBe(0)
    const lines = screen(command.stdout)
    expect(lines[0]).toBe(start.trimEnd())
    expect(lines).toContain('said hello')
    expect(lines).toContainEqual(expect.stringMatching(/^AFTERWORD_TASK_FAILED: The task "fail"/))
    expect(lines.at(-1)).toMatch(/^1 done, 1 failed, 0 running(\^C)?$/)
    expect(lines.filter((line) => line.includes(' done, '))).toHaveLength(1)
  })
})

describe('afterword work ends with 1', () => {
  test.each([
    [
      'plain',
      /^AFTERWORD_NO_JOURNAL: work was called, and there is neither a journal nor an engine to take jobs from\. Set configure/,
    ],
    [
      'broken',
      /^AFTERWORD_JOBS_MODULE: .*broken\.ts": its code has thrown an error\. Give .*\nTypeError: no such setting\n +at .*broken\.ts/,
    ],
    ['missing', /^AFTERWORD_JOBS_MODULE: .*missing\.ts": there is no such file\. Give .* jobs\.ts\.\n$/],
    [
      'gap',
      /^AFTERWORD_JOBS_MODULE: .*gap\.ts": Cannot find module '.*none\.ts' imported from .*gap\.ts\. Give .*\.\n$/,
    ],
  ])('for a module that can not be used: %s', async (name, message) => {
    await using command = new Command(['work', program(name)])
    expect(await command.exited).toBe(1)
    expect(command.stderr).toMatch(message)
    expect(command.stdout).toBe('')
  })

  test('for a folder in the place of a module', async () => {
    await using command = new Command(['work', folder])
    expect(await command.exited).toBe(1)
    expect(command.stderr).toMatch(/^AFTERWORD_JOBS_MODULE: .*": it is no file\. Give .*\.\n$/)
  })

  test('for a job that the module does not define', async () => {
    await using command = work(['--jobs', 'say,sya'])
    expect(await command.exited).toBe(1)
    expect(command.stderr).toMatch(/jobs\.ts defines no job "sya"; it has: say, fail, stay, leave\.\n$/)
  })
})
