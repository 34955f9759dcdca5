import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Suite, suites } from './suites.ts'
import { type Results, runFile } from './test-file.ts'

// Runs the suites of other projects twice: as they are, and with a job that is kept in every request of every server. Prints each test
// that comes out differently, and ends with 1 if `docs/sent.md` does not name it. Arguments: `fastify` for a suite that npm has,
// `express=../express` with the sources of one that npm has not; Debian has the sources of all of them.
/** The number of files that run at once. */
const atOnce = 2
const given = process.argv.slice(2)
const work = mkdtempSync(join(tmpdir(), 'afterword-suites-'))
const named = given.length > 0 ? given : Object.keys(suites).filter((name) => suites[name]?.tarball !== undefined)
let differences = 0
for (const argument of named) {
  const [name = '', sources] = argument.split('=')
  const suite = suites[name]
  if (suite === undefined) fail(`Unknown suite: ${name}. Suites: ${Object.keys(suites).join(', ')}.`)
  differences += await compare(name, suite, prepare(name, suite, sources))
}
rmSync(work, { recursive: true, force: true })
process.exitCode = differences === 0 ? 0 : 1

/** Puts the sources of a suite into a folder of their own, with the packages that they need. */
function prepare(name: string, { tarball, needs = [] }: Suite, sources: string | undefined): string {
  const folder = join(work, name)
  mkdirSync(folder)
  if (sources !== undefined) cpSync(resolve(sources), folder, { recursive: true })
  else if (tarball === undefined) fail(`No package has the tests of ${name}: give its sources, ${name}=folder.`)
  else {
    const [file = ''] = execFileSync('npm', ['pack', '--silent', tarball], { cwd: work, encoding: 'utf8' })
      .trim()
      .split('\n')
    execFileSync('tar', ['xzf', join(work, file), '-C', folder, '--strip-components=1'])
  }
  // Node's own tests need nothing.
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) return folder
  // What else the project develops with is not installed.
  const { devDependencies, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'))
  writeFileSync(manifest, JSON.stringify(rest))
  const quiet = ['--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', '--no-save']
  execFileSync('npm', ['install', ...quiet, ...needs], { cwd: folder, stdio: 'inherit' })
  return folder
}

/** Runs a suite both ways. @returns the number of tests that differ and are not named */
async function compare(name: string, suite: Suite, folder: string): Promise<number> {
  const kept = join(work, `${name}-kept`)
  mkdirSync(kept)
  const files = globSync([...suite.files], { cwd: folder })
    .filter((file) => suite.without?.test(file) !== true)
    .sort()
  const left = files.entries()
  const found = new Map<string, readonly string[]>()
  let tests = 0
  let passed = 0
  const lane = async () => {
    for (const [number, file] of left) {
      const run = (kept?: string) => runFile(suite, folder, file, join(work, `${name}-${number}`), kept)
      const plain = await run()
      tests += plain.size
      passed += [...plain.values()].filter(Boolean).length
      const differing = differ(plain, await run(kept))
      if (differing.length === 0) continue
      // A test that comes out differently by chance does not do so twice.
      const again = new Set(differ(await run(), await run(kept)))
      found.set(
        file,
        differing.filter((line) => again.has(line)),
      )
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  if (passed < tests / 2) fail(`${name}: ${passed} of ${tests} tests pass as they are. The set-up is wrong.`)
  const [expected = [], unexpected = []] = [true, false].map((isNamed) =>
    files.filter((file) => file in (suite.differs ?? {}) === isNamed && (found.get(file) ?? []).length > 0),
  )
  const lines = unexpected.flatMap((file) => (found.get(file) ?? []).map((line) => `  ${file}: ${line}`))
  const jobs = readFileSync(join(kept, 'jobs'), 'utf8').split('\n')
  const deferred = jobs.reduce((sum, count) => sum + Number(count), 0)
  console.log(
    `${name}: ${files.length} files, ${tests} tests, ${passed} of them pass as they are; ${deferred} jobs deferred`,
  )
  for (const file of expected) console.log(`  named in docs/sent.md: ${file}: ${suite.differs?.[file]}`)
  for (const line of lines) console.log(line)
  console.log(lines.length === 0 ? '  nothing else differs' : `  ${lines.length} differ`)
  return lines.length
}

/** Lists the tests that passed one way only, or ran one way only. */
function differ(plain: Results, withJobs: Results): string[] {
  const say = (result: boolean | undefined) => (result === undefined ? 'missing' : result ? 'passes' : 'fails')
  return [...new Set([...plain.keys(), ...withJobs.keys()])]
    .filter((test) => plain.get(test) !== withJobs.get(test))
    .map((test) => `${test}: ${say(plain.get(test))} as it is, ${say(withJobs.get(test))} with jobs`)
}

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}
