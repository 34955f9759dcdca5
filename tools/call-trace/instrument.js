// Loaded before everything else in the thread of the requests: each function of the package that is entered is noted, one a line, with the
// moment, its file and its name. Getters are left out: they are values to their readers.
import { openSync, writeSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'

// Node's own parser; the flag `--expose-internals` gives it.
const { Parser } = createRequire(import.meta.url)('internal/deps/acorn/acorn/dist/acorn')
const dist = new URL('../../dist/', import.meta.url).href
const notes = openSync(process.env.CALL_TRACE ?? '', 'a')
globalThis.noteCall = (file, name) => writeSync(notes, `${process.hrtime.bigint()} ${file} ${name}\n`)

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (!url.startsWith(dist) || !url.endsWith('.js')) return loaded
    return { ...loaded, source: instrument(String(loaded.source), url.slice(dist.length)) }
  },
})

/** Inserts a note at the beginning of every function. */
function instrument(source, file) {
  const inserts = []
  const visit = (node, name) => {
    if (isFunction(node)) insert(node, name ?? node.id?.name ?? '(anonymous)')
    const children = node.kind === 'get' ? [] : Object.values(node).flat()
    for (const child of children) {
      if (typeof child?.type === 'string') visit(child, nameOf(node))
    }
  }
  const insert = ({ body }, name) => {
    const note = `noteCall(${JSON.stringify(file)},${JSON.stringify(name)})`
    if (body.type === 'BlockStatement') inserts.push([body.start + 1, `${note};`])
    else inserts.push([body.start, `(${note},`], [body.end, ')'])
  }
  visit(Parser.parse(source, { ecmaVersion: 'latest', sourceType: 'module' }))
  let text = source
  for (const [at, code] of inserts.sort(([a], [b]) => b - a)) text = text.slice(0, at) + code + text.slice(at)
  return text
}

function isFunction({ type }) {
  return type === 'ArrowFunctionExpression' || type === 'FunctionDeclaration' || type === 'FunctionExpression'
}

/** The name that a node gives to the function in it. */
function nameOf({ type, key, id }) {
  if (type === 'MethodDefinition' || type === 'PropertyDefinition' || type === 'Property') return key.name
  return type === 'VariableDeclarator' ? id.name : undefined
}
