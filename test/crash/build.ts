import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'afterword-build-'))
afterAll(() => rmSync(folder, { recursive: true }))

// Compiled once for a test file, which starts many processes: one that strips types itself takes twice as long to start.
const compilerOptions = {
  rootDir: root,
  outDir: folder,
  types: [],
  noCheck: true,
  declaration: false,
  declarationMap: false,
}
const include = ['src', 'test/crash/programs'].map((path) => join(root, path))
writeFileSync(
  join(folder, 'tsconfig.json'),
  JSON.stringify({ extends: join(root, 'tsconfig.build.json'), compilerOptions, include }),
)
writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])

/** The compiled form of a file of this project. */
export function compiled(path: string): URL {
  return pathToFileURL(join(folder, path.replace(/\.ts$/, '.js')))
}
