import { AfterwordError } from './errors.ts'

/** The oldest Node on which everything works: `node:sqlite` without a flag. The same as `engines` in package.json says. */
const oldest = [22, 13] as const

/**
 * Checks the version of Node; on Bun, Deno and Cloudflare Workers there is nothing to check.
 * @throws AfterwordError `AFTERWORD_OLD_NODE`
 */
export function requireNode(): void {
  const { process } = globalThis as { process?: NodeJS.Process }
  if (process?.release?.name !== 'node' || 'Bun' in globalThis || 'Deno' in globalThis) return
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return
  throw new AfterwordError('AFTERWORD_OLD_NODE', [process.versions.node, oldest.join('.')])
}
