import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runtimes } from '../../tools/runtimes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-deno-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs a script that keeps a job. @param specifier that of the package @returns its output */
async function run(specifier: string, ...flags: string[]): Promise<string> {
  const { executable, args } = runtimes.Deno
  const script = `import { configure, instance, job } from '${specifier}'
configure({ journal: '${join(folder, 'journal')}' })
await job('mail', (to) => console.log('mail to', to)).defer('ada').outcome
await instance().close()`
  writeFileSync(join(folder, 'main.mjs'), script)
  const { stdout } = await promisify(execFile)(executable, [...args, ...flags, 'main.mjs'], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  return stdout
}

it('Deno finds the package by its name, in a project with a package.json', async () => {
  writeFileSync(join(folder, 'package.json'), '{}')
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/afterword'))
  expect(await run('afterword')).toBe('mail to ada\n')
})

it('Deno finds the journal of a package that is imported by its path through an import map', async () => {
  const imports = { '#journals': join(root, 'dist/journals.cjs') }
  writeFileSync(join(folder, 'map.json'), JSON.stringify({ imports }))
  expect(await run(join(root, 'dist/index.js'), '--import-map', 'map.json')).toBe('mail to ada\n')
})
