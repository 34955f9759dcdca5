// What the core does not import is loaded when it is asked for: bundlers, Deno and Workers would look for it otherwise.

/** A module beside the one that asks, by the same ending: run from source or compiled. */
export function beside(module: string, asking: string): string {
  return `${module}${asking.endsWith('.ts') ? '.ts' : '.js'}`
}

/** Loads a package or a module, at once. Throws what `require` throws. */
export function load<T>(specifier: string, asking: string): T {
  const { createRequire } = process.getBuiltinModule('node:module')
  return createRequire(asking)(specifier) as T
}
