import { registerHooks } from 'node:module'

// In an app of your own "afterword" is the package from npm. This example lives in its repository, and runs the source there as it is.
const source = new URL('../../src/', import.meta.url)

registerHooks({
  resolve(specifier, context, next) {
    const [name, adapter] = specifier.split('/')
    if (name !== 'afterword') return next(specifier, context)
    return next(new URL(adapter === undefined ? 'index.ts' : `adapters/${adapter}.ts`, source).href, context)
  },
})
