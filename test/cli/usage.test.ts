import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Command } from '../support/command.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

async function afterword(...args: string[]) {
  await using command = new Command(args)
  const code = await command.exited
  return { code, stdout: command.stdout, stderr: command.stderr }
}

test.each([['--help'], ['-h'], ['help'], ['help', 'list'], ['status', '--help'], ['work', 'jobs.ts', '-h']])(
  'afterword prints its usage: %s %s',
  async (...args) => {
    const { code, stdout, stderr } = await afterword(...args)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^afterword <command> <folder of the journal, or URL of an engine>/)
    expect(stdout).toMatch(/retry <folder\|url> <id>\|--all +make failed records pending again/)
    expect(stdout).toMatch(
      /work <module> \[--concurrency n\] \[--jobs a,b\] \[--health address\] +run the jobs that a module defines/,
    )
  },
)

test.each(['--version', '-v'])('afterword %s prints the version', async (option) => {
  expect(await afterword(option)).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test.each([
  [[], 'A command is expected.'],
  [['stauts', 'folder'], 'There is no command "stauts". Did you mean "status"?'],
  [['constructor', 'folder'], 'There is no command "constructor".'],
  [['status'], 'status expects a folder or URL.'],
  [['status', 'folder', 'more'], 'status takes nothing after the folder or URL, got "more".'],
  [['status', 'folder', '--wrong'], "Unknown option '--wrong'."],
  [['status', 'folder', '--all'], 'status takes no --all.'],
  [['list', 'folder', '--jobs=a'], 'list takes no --jobs.'],
  [['list', 'folder', '--limit=0'], '--limit expects a whole number, 1 or more, got "0".'],
  [
    ['list', 'folder', '--state=runing'],
    '--state of a journal expects one of failed, running, held, pending, paused, unknown, sealed, got "runing". Did you mean "running"?',
  ],
  [
    ['list', 'postgresql://localhost/app', '--state=done'],
    '--state of pg-boss expects one of failed, running, pending, got "done".',
  ],
  [
    ['list', 'REDISS://localhost', '--state=done'],
    '--state of BullMQ expects one of failed, running, pending, got "done".',
  ],
  ...['status', 'list', 'show', 'retry', 'pause', 'backup'].map((command): [string[], string] => [
    [command, 'mysql://localhost/app', 'a'],
    `${command} knows no engine at mysql://… Engines have URLs with postgres://, postgresql://, redis:// or rediss://.`,
  ]),
  [['status', 'folder', '--state=failed'], 'status takes no --state.'],
  [['show', 'folder'], 'show expects an id.'],
  [['show', 'folder', 'a', 'b'], 'show expects an id, and only one.'],
  [['retry', 'folder'], 'retry expects ids or --all.'],
  [['discard', 'folder', 'a', '--all'], 'discard expects ids or --all, not both.'],
  [['pause', 'folder'], 'pause expects names of jobs.'],
  [['pause', 'folder', ''], 'pause expects names of jobs.'],
  [['resume', 'folder'], 'resume expects names of jobs.'],
  [['pause', 'folder', 'job', '--all'], 'pause takes no --all.'],
  [['work'], 'work expects a module.'],
  [['work', 'module', 'more'], 'work takes nothing after the module, got "more".'],
  [['work', 'module', '--all'], 'work takes no --all.'],
  [['work', 'module', '--health', 'localhost'], '--health expects an address such as 127.0.0.1:9090, got "localhost".'],
  [['status', 'folder', '--health', '9090'], 'status takes no --health.'],
  [['work', 'module', '--concurrency'], "Option '--concurrency <value>' argument missing."],
  [['work', 'module', '--concurrency=0'], '--concurrency expects a whole number, 1 or more, got "0".'],
  [['work', 'module', '--concurrency=many'], '--concurrency expects a whole number, 1 or more, got "many".'],
  [['work', 'module', '--jobs', ''], '--jobs expects names of jobs, separated by commas, got "".'],
  [['work', 'module', '--jobs', 'a,,b'], '--jobs expects names of jobs, separated by commas, got "a,,b".'],
])(
  'afterword says what it does not understand, and in a line below it how the command is used: %j',
  async (args, sentence) => {
    const { code, stdout, stderr } = await afterword(...args)
    expect([code, stdout]).toEqual([2, ''])
    const [said, how, ...more] = stderr.split('\n')
    expect([said, more]).toEqual([sentence, ['']])
    const [command = ''] = args
    const isKnown = ['status', 'list', 'show', 'retry', 'discard', 'pause', 'resume', 'backup', 'work'].includes(
      command,
    )
    expect(how).toMatch(
      isKnown ? new RegExp(`^Usage: afterword ${command} <`) : /^afterword help tells the commands\.$/,
    )
  },
)
