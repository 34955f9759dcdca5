import { afterAll } from 'vitest'
import { Build } from '../support/build.ts'

// Compiled once for a test file.
const build = await Build.of('test/crash/programs')
afterAll(() => build[Symbol.dispose]())

/** The compiled form of a file of this project. */
export function compiled(path: string): URL {
  return build.compiled(path)
}
