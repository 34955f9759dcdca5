// Builds the page of the dashboard, and writes its files as texts into one module: bundlers and CommonJS find them, and nothing is read when it is served.
// It runs in the folder whose node_modules has Vite and Preact: that of the package, or of an example that runs from source.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = new URL('../', import.meta.url)
const page = fileURLToPath(new URL('src/dashboard/page/', root))
const target = fileURLToPath(new URL('dist/dashboard/page-files.js', root))
const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }

const here = createRequire(pathToFileURL(`${process.cwd()}/`))
const { build } = await import(pathToFileURL(here.resolve('vite')).href)

const { output } = await build({
  root: page,
  // The page may be mounted at any path.
  base: './',
  configFile: false,
  logLevel: 'warn',
  plugins: [{ name: 'preact', enforce: 'pre', resolveId: findPreact }],
  build: {
    write: false,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
    rolldownOptions: { output: { entryFileNames: 'page-[hash].js', assetFileNames: '[name]-[hash][extname]' } },
  },
})

/** Finds Preact from here: an example has it in its own node_modules. */
function findPreact(id) {
  return /^preact(\/|$)/.test(id) ? this.resolve(id, `${process.cwd()}/page`, { skipSelf: true }) : undefined
}

const files = output.map(({ fileName, code, source }) => {
  const type = types[fileName.split('.').at(-1)]
  if (type === undefined) throw new Error(`The page has a file of an unknown type: ${fileName}`)
  return [fileName, { type: `${type}; charset=utf-8`, text: code ?? source.toString() }]
})
await mkdir(dirname(target), { recursive: true })
await rm(`${target}.map`, { force: true })
await writeFile(target, `export const pageFiles = ${JSON.stringify(Object.fromEntries(files), null, 1)}\n`)
