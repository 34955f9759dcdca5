// Makes those files of the package that differ from the source, so that bundlers find every part of it: journals are loaded by a `require` with
// a literal in CommonJS, which all bundlers follow and which loads at once, and the code of a thread is a text.
import { rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const dist = new URL('../dist/', import.meta.url)
const path = (file) => fileURLToPath(new URL(file, dist))

const journals = ['folder-journal', 'app-database-journal']
const loaders = journals.map((name) => {
  const camel = name.replaceAll(/-(\w)/g, (_match, letter) => letter.toUpperCase())
  return `exports.${camel} = () => load(() => require('./journal/${name}.js'), './journal/${name}.js')`
})
await writeFile(
  path('journals.cjs'),
  `'use strict'
// Jest's own \`require\` knows no ES module where Node's does.
function load(find, file) {
  try {
    return find()
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM') throw error
    return process.getBuiltinModule('node:module').createRequire(__filename)(file)
  }
}
${loaders.join('\n')}
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
