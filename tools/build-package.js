// Makes those files of the package that differ from the source, so that bundlers find every part of it: journals are loaded by a `require` with
// a literal in CommonJS, which all bundlers follow and which loads at once, and the code of a thread is a text.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = new URL('../', import.meta.url)
const dist = new URL('dist/', root)
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8'))
const path = (file) => fileURLToPath(new URL(file, dist))

/** Writes what loads the journals, whose modules are in a folder beside it. @param load an expression of the file and what requires it */
async function writeJournals(file, extension, load, head = '') {
  const lines = ['folder-journal', 'app-database-journal'].map((name) => {
    const camel = name.replaceAll(/-(\w)/g, (_match, letter) => letter.toUpperCase())
    const module = `'./journal/${name}${extension}'`
    return `exports.${camel} = () => ${load(`require(${module})`, module)}\n`
  })
  await writeFile(path(file), `'use strict'\n${head}${lines.join('')}`)
}
await writeJournals(
  'journals.cjs',
  '.js',
  (required, module) => `load(() => ${required}, ${module.replace('./', './cjs/').replace('.js', '.cjs')})`,
  `// Where Jest runs ES modules, its \`require\` knows none before Node 24.9: it gets the same in CommonJS, which no bundle needs.
function load(find, inCommonJs) {
  try {
    return find()
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM') throw error
    return process.getBuiltinModule('node:module').createRequire(__filename)(inCommonJs)
  }
}
`,
)
await writeFile(path('journals.js'), `export { folderJournal, appDatabaseJournal } from '#journals'\n`)
await rm(path('journals.js.map'))

await writeFile(
  path('jobs/thread-file.js'),
  "export const threadFile = () => new URL('./thread-worker.js', import.meta.url)\n",
)
await rm(path('jobs/thread-file.js.map'))

/** Bundles the code of a thread into one script that needs no `require`: it may be run as a script and as a module. */
async function threadCode(part) {
  const external = /^node:/
  const build = await rolldown({ input: path(`journal/${part}/thread.js`), platform: 'node', external })
  const globals = (id) => `process.getBuiltinModule(${JSON.stringify(id)})`
  const { output } = await build.generate({ format: 'iife', globals, comments: false })
  const code = `${output[0].code}//# sourceURL=afterword/journal/${part}/thread.js\n`
  if (output.length !== 1 || /\bimport\.meta\b|\brequire\(/.test(code))
    throw new Error(`The thread of ${part} is not one script`)
  await writeFile(path(`journal/${part}/thread-code.js`), `export const threadCode = ${JSON.stringify(code)}\n`)
  await rm(path(`journal/${part}/thread-code.js.map`))
}
await threadCode('server')
await threadCode('inspection')

/**
 * Builds the package in CommonJS once more, file by file, for what knows no ES modules in `require`: Jest. Node itself takes the ES modules, by the
 * condition `module-sync`.
 */
async function commonJs() {
  const entries = Object.values(manifest.exports).flatMap((target) => target.default?.default ?? [])
  const parts = ['journal/folder-journal.js', 'journal/app-database-journal.js'].map(path)
  const build = await rolldown({
    input: [...entries.map((entry) => fileURLToPath(new URL(entry, root))), ...parts],
    platform: 'node',
    external: (id) => !/^[./]/.test(id),
    plugins: [
      { name: 'shared', transform: (code, id) => id.endsWith('thread-file.js') && code.replace("'./", "'../../jobs/") },
    ],
  })
  await build.write({
    dir: path('cjs'),
    format: 'cjs',
    preserveModules: true,
    strict: true,
    preserveModulesRoot: path('.'),
    entryFileNames: '[name].cjs',
    comments: false,
  })
  for (const file of await readdir(dist, { recursive: true })) {
    if (!file.endsWith('.d.ts') || file.startsWith('cjs')) continue
    const types = (await readFile(path(file), 'utf8')).replaceAll(/(?<=['"]\.{1,2}\/[^'"]*)\.[jt]s(?=['"])/g, '.cjs')
    const target = path(`cjs/${file.replace(/\.ts$/, '.cts')}`)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, types.replace(/\n\/\/# sourceMappingURL=.*/, ''))
  }
  await writeJournals('cjs/lazy-journals.cjs', '.cjs', (required) => required)
}
await commonJs()
