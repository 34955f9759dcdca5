import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build as esbuild } from 'esbuild'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodes } from '../../tools/nodes.ts'
import { runtimes } from '../../tools/runtimes.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

/** The folder of a project that has the package, as it is installed. */
const project = mkdtempSync(join(tmpdir(), 'afterword-bundles-'))
/** The folder of the bundles: Afterword is not to be found from there. */
const bundles = mkdtempSync(join(tmpdir(), 'afterword-bundled-'))
beforeAll(() => {
  const installed = join(project, 'node_modules/afterword')
  mkdirSync(installed, { recursive: true })
  for (const path of ['dist', 'package.json']) cpSync(join(root, path), join(installed, path), { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  // A pool of threads can't be bundled: it starts files of its own.
  mkdirSync(join(bundles, 'node_modules'))
  for (const folder of [project, bundles]) {
    symlinkSync(join(root, 'node_modules/piscina'), join(folder, 'node_modules/piscina'))
  }
  for (const name of ['bundled.js', 'bundled-thread.js']) {
    copyFileSync(fileURLToPath(new URL(`programs/${name}`, import.meta.url)), join(project, name))
  }
})
afterAll(() => {
  for (const folder of [project, bundles]) rmSync(folder, { recursive: true })
})

type Format = 'esm' | 'cjs'

/** A part of webpack, which comes within Next. */
type Webpack = (options: object) => {
  run(done: (error: Error | null, stats: Stats) => void): void
  close(done: () => void): void
}
interface Stats {
  hasErrors(): boolean
  toString(): string
}

/** Bundles a file into one, with nothing but Node's own modules left out. */
const bundlers: Record<string, (input: string, output: string, format: Format, minify?: boolean) => Promise<unknown>> =
  {
    esbuild: (input, outfile, format, minify = false) =>
      esbuild({ entryPoints: [input], outfile, format, minify, bundle: true, platform: 'node', logLevel: 'error' }),
    async rolldown(input, file, format, minify = false) {
      const build = await rolldown({ input, platform: 'node' })
      await build.write({ file, format, minify, codeSplitting: false })
    },
    async webpack(input, output, format) {
      const require = createRequire(import.meta.url)
      const { webpack } = require('next/dist/compiled/webpack/bundle5.js')() as { webpack: Webpack }
      const [path, filename] = [bundles, output.slice(bundles.length + 1)]
      const esm = { experiments: { outputModule: true }, output: { path, filename, module: true } }
      const compiler = webpack({
        mode: 'development',
        devtool: false,
        target: 'node22',
        entry: input,
        ...(format === 'esm' ? esm : { output: { path, filename } }),
      })
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      compiler.run((error, stats) => {
        if (error !== null || stats.hasErrors()) reject(error ?? new Error(stats.toString()))
        else resolve()
      })
      await promise
    },
  }

/** Runs a file on Node until its end. */
async function outputOf(node: keyof typeof nodes, file: string, args: readonly string[], env: object = {}) {
  return execute(nodes[node], ['--disable-warning=ExperimentalWarning', file, ...args], env)
}

async function execute(program: string, args: readonly string[], env: object = {}) {
  const options = { cwd: bundles, env: { ...process.env, ...env } }
  const { stdout, stderr, code = 0, signal } = await run(program, args, options).catch((error) => error)
  return { lines: `${stdout}${stderr}`.split('\n').filter(Boolean), end: signal ?? code }
}

/** Runs the app until it is killed, and once more: all that was deferred and dispatched has then run. */
async function losesNothing(start: (args: readonly string[]) => Promise<object>): Promise<void> {
  const journal = mkdtempSync(join(bundles, 'journal-'))
  expect(await start([journal, 'dies'])).toEqual({ lines: ['saved now'], end: 'SIGKILL' })
  expect(await start([journal])).toEqual({ lines: expect.arrayContaining(['saved later', 'saved now']), end: 0 })
}

const cases = [
  { bundler: 'esbuild', format: 'esm', minify: false, node: 24 },
  { bundler: 'esbuild', format: 'cjs', minify: true, node: 22 },
  { bundler: 'rolldown', format: 'esm', minify: true, node: 22 },
  { bundler: 'rolldown', format: 'cjs', minify: false, node: 24 },
  { bundler: 'webpack', format: 'esm', minify: false, node: 22 },
  { bundler: 'webpack', format: 'cjs', minify: false, node: 26 },
] as const

describe.each(cases)('a bundle by $bundler, $format, minified: $minify, on Node $node', (options) => {
  const { bundler, format, minify, node } = options
  const file = (name: string) =>
    join(bundles, `${bundler}-${format}-${minify}-${name}.${format === 'esm' ? 'mjs' : 'cjs'}`)

  it('has the journal and its thread: a killed process loses nothing', async () => {
    await bundlers[bundler]?.(join(project, 'bundled.js'), file('app'), format, minify)
    await losesNothing((args) => outputOf(node, file('app'), args))
  })

  it('has the command line, with its thread', async () => {
    await bundlers[bundler]?.(join(project, 'node_modules/afterword/dist/cli/main.js'), file('cli'), format, minify)
    const journal = mkdtempSync(join(bundles, 'journal-'))
    await outputOf(node, file('app'), [journal, 'dies'])
    const env = { AFTERWORD_KEY: 'ab'.repeat(32), NODE_OPTIONS: '--disable-warning=ExperimentalWarning' }
    const { lines, end } = await outputOf(node, file('cli'), ['list', journal, '--json'], env)
    expect(end).toBe(0)
    const args = (JSON.parse(lines.join('')) as { args: unknown }[]).map(({ args }) => args)
    expect(args).toEqual(expect.arrayContaining([['later'], ['now']]))
  })

  it('runs a job in a thread, or names the setting where the bundler leaves its file behind', async () => {
    await bundlers[bundler]?.(join(project, 'bundled-thread.js'), file('thread'), format, minify)
    const { lines } = await outputOf(node, file('thread'), [])
    const expected = bundler === 'webpack' ? ['done 42'] : ['failed AFTERWORD_BUNDLED']
    expect(lines.filter((line) => /^(done|failed) /.test(line))).toEqual(expected)
  })
})

describe('a bundle that leaves the package out', () => {
  it.each(['esm', 'cjs'] as const)('%s: runs a job in a thread', async (format) => {
    const outfile = join(project, `external-${format}.${format === 'esm' ? 'mjs' : 'cjs'}`)
    const entryPoints = [join(project, 'bundled-thread.js')]
    await esbuild({ entryPoints, outfile, format, bundle: true, platform: 'node', external: ['afterword'] })
    expect(await outputOf(24, outfile, [])).toEqual({ lines: ['done 42'], end: 0 })
  })
})

describe('a single executable', () => {
  it('of Node has the journal and its thread', async () => {
    const main = join(bundles, 'single.cjs')
    await bundlers.esbuild?.(join(project, 'bundled.js'), main, 'cjs')
    const [config, output] = [join(bundles, 'single.json'), join(bundles, 'single')]
    writeFileSync(config, JSON.stringify({ main, output, disableExperimentalSEAWarning: true }))
    await run(nodes[26], ['--build-sea', config], { cwd: bundles })
    await losesNothing((args) => execute(output, args))
  })

  it('of Bun has the journal and its thread', async () => {
    const output = join(bundles, 'single-bun')
    await run(runtimes.Bun.executable, ['build', '--compile', join(project, 'bundled.js'), '--outfile', output], {
      cwd: project,
    })
    await losesNothing((args) => execute(output, args))
  })
})
