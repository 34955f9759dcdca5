import { registerHooks } from 'node:module'

// In an app of your own "afterword" is the package from npm. This example lives in its repository, and runs the source there as it is.
const source = new URL('../../src/', import.meta.url)

/** The files of those parts that are no adapters. */
const files: Readonly<Record<string, string>> = { dashboard: 'dashboard/dashboard.ts' }

registerHooks({
  resolve(specifier, context, next) {
    const [name, part] = specifier.split('/')
    if (name !== 'afterword') return next(specifier, context)
    return next(new URL(part === undefined ? 'index.ts' : (files[part] ?? `adapters/${part}.ts`), source).href, context)
  },
})
