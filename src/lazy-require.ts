/**
 * Loads an optional package, or a module of the source, at once. Bundlers do not follow it: a package that is not installed would fail the build.
 * Throws the errors of `require`.
 * @param asking the URL of the module that asks; a bundle in CommonJS has none, and asks from the working directory
 */
export function load<T>(specifier: string, asking: string | undefined): T {
  const { createRequire } = process.getBuiltinModule('node:module')
  return createRequire(asking ?? `${process.cwd()}/`)(specifier) as T
}
