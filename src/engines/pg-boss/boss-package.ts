import { AfterwordError } from '../../errors.ts'
import { load } from '../../lazy-require.ts'
import type { Boss } from './boss.ts'

/** The earliest release that fences the end of a run: before, that of a worker which was taken for dead ends the run of another one. */
const leastVersion = [12, 35] as const

/** Makes an instance of the package, which is loaded now. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
export function makeBoss(options: object): Boss {
  checkVersion()
  const { PgBoss } = loaded<{ PgBoss: new (options: object) => Boss }>('pg-boss', 'it could not be loaded')
  return new PgBoss(options)
}

function checkVersion(): void {
  const { version } = loaded<{ version: string }>('pg-boss/package.json', 'it was not found')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > leastVersion[0] || (major === leastVersion[0] && minor >= leastVersion[1])) return
  throw missing(`version ${version} was found`)
}

function loaded<T>(specifier: string, why: string): T {
  try {
    return load(specifier, import.meta.url)
  } catch (cause) {
    throw missing(why, cause)
  }
}

function missing(why: string, cause?: unknown): AfterwordError {
  const values = ['pgBoss', 'pg-boss', leastVersion.join('.'), why, 'pg-boss@12']
  return new AfterwordError('AFTERWORD_ENGINE_MISSING', values, { cause })
}
