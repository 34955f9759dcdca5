import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodes } from '../../tools/nodes.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

/** The package as npm would install it, in the node_modules of an empty project. */
let project: string
/** The warnings of npm. */
let warnings: string
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'afterword-package-'))
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: root,
  })
  const [{ filename }] = Object.values(JSON.parse(stdout)) as [{ filename: string }]
  await run('npm', ['init', '--yes'], { cwd: project })
  const install = ['install', '--offline', '--no-audit', '--no-fund', join(project, filename)]
  warnings = (await run('npm', install, { cwd: project })).stderr
})
afterAll(() => rm(project, { recursive: true, force: true }))

async function evaluate(node: keyof typeof nodes, type: 'module' | 'commonjs', code: string): Promise<unknown> {
  const { stdout } = await run(
    nodes[node],
    ['--disable-warning=ExperimentalWarning', `--input-type=${type}`, '-e', code],
    {
      cwd: project,
    },
  )
  return JSON.parse(stdout)
}

async function linkPeer(name: string): Promise<void> {
  const path = join(project, 'node_modules', name)
  await rm(path, { force: true })
  await symlink(join(root, 'node_modules', name), path)
}

const versions = Object.keys(nodes).map(Number) as (keyof typeof nodes)[]
const subpaths = Object.keys(manifest.exports).filter((path) => path !== './package.json')

describe('the package', () => {
  it('has no runtime dependencies', async () => {
    expect(manifest.dependencies).toBeUndefined()
    expect(await readdir(join(project, 'node_modules'))).toEqual(expect.arrayContaining(['afterword']))
    expect((await readdir(join(project, 'node_modules'))).filter((name) => !name.startsWith('.'))).toEqual([
      'afterword',
    ])
  })

  it('is installed without a warning: it has no script that npm would have to run', () => {
    expect(warnings).toBe('')
  })

  it('has every file that its pages lead to', async () => {
    const folder = join(project, 'node_modules/afterword')
    const files = await readdir(folder, { recursive: true })
    const dead: string[] = []
    for (const page of files.filter((file) => file.endsWith('.md'))) {
      const text = await readFile(join(folder, page), 'utf8')
      for (const [link, path = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)\s]*\)/g)) {
        if (!files.includes(join(dirname(page), path).replace(/\/$/, ''))) dead.push(`${page}: ${link}`)
      }
    }
    expect(dead).toEqual([])
  })

  it('tells its version', async () => {
    const { stdout } = await run(nodes[24], [join(project, 'node_modules/.bin/afterword'), '--version'])
    expect(stdout).toBe(`${manifest.version}\n`)
  })

  it('exports what it says, and nothing else', async () => {
    const code = `import * as all from 'afterword'; console.log(JSON.stringify(Object.keys(all)))`
    expect(await evaluate(24, 'module', code)).toEqual([
      'Afterword',
      'AfterwordError',
      'BatchError',
      'Retry',
      'batch',
      'bind',
      'configure',
      'currentTask',
      'defer',
      'finishRequest',
      'instance',
      'job',
      'logTo',
      'onSent',
      'subscribe',
      'waitUntil',
    ])
  })

  it.each(versions)('loads by import and by require on Node %i', async (node) => {
    // The frameworks whose own code an adapter calls: a project that imports that adapter has them.
    for (const peer of ['h3', '@nestjs', '@opentelemetry']) await linkPeer(peer)
    const names = subpaths.map((path) => path.replace('.', 'afterword'))
    const imports = `${names.map((name) => `await import('${name}')`).join('\n')}\nconsole.log(JSON.stringify('fine'))`
    const requires = `${names.map((name) => `require('${name}')`).join('\n')}\nconsole.log(JSON.stringify('fine'))`
    expect(await evaluate(node, 'module', imports)).toBe('fine')
    expect(await evaluate(node, 'commonjs', requires)).toBe('fine')
  })

  it.each(versions)('loads where require() knows no ES modules, on Node %i', async (node) => {
    for (const peer of ['h3', '@nestjs', '@opentelemetry']) await linkPeer(peer)
    // These adapters call code of frameworks that are ES modules themselves.
    const names = subpaths.filter((path) => !/h3|nest/.test(path)).map((path) => path.replace('.', 'afterword'))
    const code = `
      const all = ${JSON.stringify(names)}.map((name) => require(name))
      const { configure, job, instance } = require('afterword')
      configure({ journal: 'data-cjs-${node}' })
      const Job = job('job', (n) => 2 * n)
      Job.defer(21).outcome.then(async ({ value }) => {
        await instance().close()
        console.log(JSON.stringify([value, require.resolve('afterword').endsWith('cjs/index.cjs')]))
      })`
    const args = ['--disable-warning=ExperimentalWarning', '--no-experimental-require-module', '-e', code]
    const { stdout } = await run(nodes[node], args, { cwd: project })
    expect(JSON.parse(stdout)).toEqual([42, true])
  })

  it.each(versions)('is one instance for import and require on Node %i', async (node) => {
    const code = `import('afterword').then((imported) => {
      const required = require('afterword')
      console.log(JSON.stringify([imported.AfterwordError === required.AfterwordError, imported.instance() === required.instance()]))
    })`
    expect(await evaluate(node, 'commonjs', code)).toEqual([true, true])
  })

  it('has types that are whole: a project that checks those of its packages compiles', async () => {
    for (const peer of ['@types', 'undici-types', 'h3', '@nestjs', '@opentelemetry', 'next']) await linkPeer(peer)
    const imports = subpaths.map((path, n) => `export * as all${n} from '${path.replace('.', 'afterword')}'`)
    await writeFile(join(project, 'types.mts'), imports.join('\n'))
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', '--skipLibCheck', 'false']
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = await run(nodes[24], [compiler, ...options, 'types.mts'], { cwd: project }).catch(
      (error) => error,
    )
    expect(stdout).toBe('')
  })

  it('loads nothing of the adapters or of testing with the core', async () => {
    const code = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
      await import('afterword')
      console.log(JSON.stringify(loaded))`
    const loaded = (await evaluate(24, 'module', code)) as string[]
    expect(loaded).toContainEqual(expect.stringMatching(/dist\/index\.js$/))
    const core =
      /\/dist\/(?:(?:task|schedule|jobs|options|ending)\/)?[a-z-]+\.c?js$|^node:(async_hooks|diagnostics_channel|events)$/
    expect(loaded.filter((url) => !core.test(url))).toEqual([])
    expect(loaded.filter((url) => url.includes('/testing/'))).toEqual([])
  })

  it.each([
    [
      'module',
      'pgBoss',
      'pg-boss',
      "{ connectionString: 'postgres://127.0.0.1:1/none' }",
      'pg-boss',
      '12.35',
      '10.4.2',
    ],
    [
      'commonjs',
      'pgBoss',
      'pg-boss',
      "{ connectionString: 'postgres://127.0.0.1:1/none' }",
      'pg-boss',
      '12.35',
      '10.4.2',
    ],
    ['module', 'bullmq', 'bullmq', "{ connection: 'redis://127.0.0.1:1' }", 'bullmq', '6.4', '5.81.5'],
    ['commonjs', 'bullmq', 'bullmq', "{ connection: 'redis://127.0.0.1:1' }", 'bullmq', '6.4', '5.81.5'],
    ['module', 'bullmq', 'bullmq', "{ connection: 'redis://127.0.0.1:1' }", 'ioredis', '5.0', '4.31.0'],
  ] as const)(
    'says which release of a package an engine needs, from %s: %s of %s, with %s',
    async (type, engine, subpath, options, name, least, tooOld) => {
      const load = (specifier: string) =>
        type === 'module' ? `await import('${specifier}')` : `require('${specifier}')`
      const code = `
        const { Afterword } = ${load('afterword')}
        const { ${engine} } = ${load(`afterword/${subpath}`)}
        try {
          new Afterword({ engine: ${engine}(${options}) })
        } catch (error) {
          console.log(JSON.stringify([error.code, error.message]))
        }`
      const told = (why: string) => [
        'AFTERWORD_ENGINE_MISSING',
        `${engine} needs the package ${name}, version ${least} or later: ${why}. Install it: npm install ${name}@${Number.parseInt(least, 10)}. The cause is attached.`,
      ]
      // The one package is there that is asked for before the other one.
      if (name === 'ioredis') await linkPeer('bullmq')
      expect(await evaluate(24, type, code)).toEqual(told('it was not found'))
      const folder = join(project, 'node_modules', name)
      await mkdir(folder)
      // npm installs a release of pg-boss that is years old on Node 20, without a word.
      await writeFile(join(folder, 'package.json'), JSON.stringify({ name, version: tooOld }))
      expect(await evaluate(24, type, code)).toEqual(told(`version ${tooOld} was found`))
      await rm(folder, { recursive: true })
      if (name === 'ioredis') await rm(join(project, 'node_modules/bullmq'))
    },
  )

  it.each([
    ['its own', () => join(project, 'node_modules/.bin/afterword')],
    ['that of another copy', () => join(root, 'dist/cli/main.js')],
  ])('runs the jobs of a TypeScript module by a command: %s', async (_which, command) => {
    await writeFile(
      join(project, 'jobs.mts'),
      `import { configure, job } from 'afterword'
      configure({ journal: 'data', worker: false })
      const Greet = job('greet', (name: string): void => {
        console.log('hello ' + name)
        process.kill(process.pid, 'SIGTERM')
      })
      await Greet.dispatch('you')`,
    )
    const { stdout } = await run(nodes[24], ['--disable-warning=ExperimentalWarning', command(), 'work', 'jobs.mts'], {
      cwd: project,
    })
    expect(stdout).toBe('afterword works on greet (64 at once)\nhello you\n')
  })

  it('has the source that its source maps name', async () => {
    const folder = join(project, 'node_modules/afterword')
    const map = JSON.parse(await readFile(join(folder, 'dist/adapters/auto.js.map'), 'utf8'))
    const source = await readFile(join(folder, 'dist/adapters', map.sources[0]), 'utf8')
    expect(source).toContain('node:http')
    expect((await readdir(folder)).sort()).toEqual([
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'README.md',
      'bench',
      'dist',
      'docs',
      'examples',
      'package.json',
      'src',
    ])
  })
})
