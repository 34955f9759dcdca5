import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodes } from '../../tools/nodes.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
/** ts-jest, which has a TypeScript of its own: it knows none from 7 on. */
const tsJest = createRequire(join(root, 'test/package/ts-jest/package.json')).resolve('ts-jest')
const project = mkdtempSync(join(tmpdir(), 'afterword-jest-'))
beforeAll(() => {
  const installed = join(project, 'node_modules/afterword')
  mkdirSync(installed, { recursive: true })
  for (const path of ['dist', 'package.json']) cpSync(join(root, path), join(installed, path), { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const copy = (name: string, to: string) =>
    copyFileSync(fileURLToPath(new URL(`programs/${name}`, import.meta.url)), join(project, to))
  copy('jest-commonjs.js', 'a.test.js')
  copy('jest-modules.js', 'b.test.mjs')
  copy('jest-typescript.ts', 'c.spec.ts')
  const options = { module: 'nodenext', target: 'es2023', strict: true, esModuleInterop: true, isolatedModules: false }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...options, types: ['node'] } }))
  for (const name of ['@types', '@jest', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name))
  }
})
afterAll(() => rmSync(project, { recursive: true }))

/** Runs Jest, with its defaults but for what is told. @returns the numbers of its report */
async function jest(node: keyof typeof nodes, file: string, flags: readonly string[], config: object) {
  const journal = mkdtempSync(join(project, 'journal-'))
  const args = [join(root, 'node_modules/jest/bin/jest.js'), '--json', '--config', JSON.stringify(config), file]
  const options = { cwd: project, env: { ...process.env, JOURNAL: journal, NODE_ENV: 'test' as const } }
  const { stdout, stderr } = await run(nodes[node], [...flags, ...args], options).catch((error) => error)
  const { numPassedTests: passed, numFailedTests: failed, numFailedTestSuites: suites } = JSON.parse(stdout)
  return { passed, failed, suites, stderr: failed + suites > 0 ? stderr : '' }
}

const versions = Object.keys(nodes).map(Number) as (keyof typeof nodes)[]
const modules = '--experimental-vm-modules'

describe.each(versions)('Jest on Node %i', (node) => {
  it.each([
    { title: 'its defaults', flags: [], config: {} },
    { title: modules, flags: [modules], config: {} },
    {
      title: 'packages that Babel compiles',
      flags: [],
      config: { transformIgnorePatterns: ['node_modules/(?!afterword)'] },
    },
  ])('require() works with $title', async ({ flags, config }) => {
    expect(await jest(node, 'a.test.js', flags, config)).toEqual({ passed: 3, failed: 0, suites: 0, stderr: '' })
  })

  it('import works in TypeScript that ts-jest compiles and checks, as in a project of Nest', async () => {
    const config = { testRegex: '.*\\.spec\\.ts$', transform: { '^.+\\.(t|j)s$': tsJest }, testEnvironment: 'node' }
    expect(await jest(node, 'c.spec.ts', [], config)).toEqual({ passed: 3, failed: 0, suites: 0, stderr: '' })
  })

  it('import works in ES modules', async () => {
    const config = { testMatch: ['**/*.test.mjs'], transform: {} }
    expect(await jest(node, 'b.test.mjs', [modules], config)).toEqual({ passed: 1, failed: 0, suites: 0, stderr: '' })
  })
})
