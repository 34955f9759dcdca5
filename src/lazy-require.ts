// Modules that the core does not import are loaded on demand: bundlers, Deno and Workers would look for them otherwise.

/** Names a module beside the one that asks, with the same ending: the package runs from source or compiled. */
export function beside(module: string, asking: string): string {
  return `${module}${asking.endsWith('.ts') ? '.ts' : '.js'}`
}

/** Loads a package or a module, at once. Throws the errors of `require`. */
export function load<T>(specifier: string, asking: string): T {
  const { createRequire } = process.getBuiltinModule('node:module')
  return createRequire(asking)(specifier) as T
}
