import { AfterwordError } from '../errors.ts'
import { load } from '../lazy-require.ts'

/** A package of an engine, which the user installs. */
export interface EnginePackage {
  readonly name: string
  /** The function whose caller needs it. */
  readonly for: string
  /** The earliest release that will do. */
  readonly least: readonly [major: number, minor: number]
}

/** Loads a package now. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
export function loadPackage<T>(wanted: EnginePackage): T {
  const { version } = loaded<{ version: string }>(wanted, `${wanted.name}/package.json`, 'it was not found')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor, leastMinor] = wanted.least
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    throw missing(wanted, `version ${version} was found`)
  }
  return loaded(wanted, wanted.name, 'it could not be loaded')
}

function loaded<T>(wanted: EnginePackage, specifier: string, why: string): T {
  try {
    return load(specifier, import.meta.url)
  } catch (cause) {
    throw missing(wanted, why, cause)
  }
}

/** Makes the error of a package that will not do. @param why what was found instead */
export function missing({ name, for: needing, least }: EnginePackage, why: string, cause?: unknown): AfterwordError {
  const values = [needing, name, least.join('.'), why, `${name}@${least[0]}`]
  return new AfterwordError('AFTERWORD_ENGINE_MISSING', values, { cause })
}
