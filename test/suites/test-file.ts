import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodes } from '../../tools/nodes.ts'
import type { Suite } from './suites.ts'

/** The tests of a file by name: whether they passed. */
export type Results = ReadonlyMap<string, boolean>

/** The time in ms after which a file has failed: its process hangs. */
const patience = 60_000
const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/**
 * Runs a file with tests in a process of its own.
 * @param folder the sources of the suite
 * @param kept the folder of the journals, if every request is to keep a job
 */
export async function runFile(
  suite: Suite,
  folder: string,
  file: string,
  report: string,
  kept?: string,
): Promise<Results> {
  rmSync(report, { force: true })
  const preload = kept === undefined ? [] : ['--disable-warning=ExperimentalWarning', '--import', beside('kept-job.ts')]
  const child = spawn(nodes[suite.node ?? 24], [...preload, ...argsOf(suite, folder, file, report)], {
    cwd: folder,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      NODE_ENV: 'test',
      // Node's own tests know the globals of their release.
      NODE_TEST_KNOWN_GLOBALS: '0',
      AFTERWORD_SUITE_FOLDER: kept,
    },
    stdio: 'ignore',
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), patience)
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  // The process counts as a test as well: a report may be whole although it crashed or never ended.
  return new Map([...testsIn(suite, report), ['(exit code)', code === 0]])
}

function argsOf({ runner, args = [] }: Suite, folder: string, file: string, report: string): string[] {
  switch (runner) {
    case 'mocha': {
      const mocha = join(folder, 'node_modules/mocha/lib/cli/cli.js')
      return [mocha, '--exit', '--reporter', 'json', '--reporter-option', `output=${report}`, ...args, file]
    }
    case 'node:test':
      return [`--test-reporter=${beside('reporter.ts')}`, `--test-reporter-destination=${report}`, ...args, file]
    case 'scripts': {
      const flags =
        /^\/\/ Flags: (.+)$/m
          .exec(readFileSync(join(folder, file), 'utf8'))?.[1]
          ?.trim()
          .split(/\s+/) ?? []
      return [...flags, ...args, file]
    }
  }
}

function testsIn({ runner }: Suite, report: string): [string, boolean][] {
  if (runner === 'scripts' || !existsSync(report)) return []
  const text = readFileSync(report, 'utf8')
  if (runner === 'node:test') {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  }
  const { passes, failures } = JSON.parse(text) as Record<'passes' | 'failures', { fullTitle: string }[]>
  return [
    ...passes.map(({ fullTitle }): [string, boolean] => [fullTitle, true]),
    ...failures.map(({ fullTitle }): [string, boolean] => [fullTitle, false]),
  ]
}
