import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureAnswerFirst } from './answer-first/part.ts'
import { measureEngines } from './engines/part.ts'
import { measureScaling } from './engines/scaling.ts'
import { measureFrameworks, measureNext } from './frameworks/part.ts'
import { measureIdle } from './idle/part.ts'
import { measureJournal } from './journal/part.ts'
import { measureKeys } from './keys/part.ts'
import { machine } from './machine.ts'
import { measureMemory } from './memory/part.ts'
import { measureObserve } from './observe/part.ts'
import { measureProtect } from './protect/part.ts'
import { type Result, toMarkdown } from './result.ts'
import { measureTaskCost } from './task-cost/part.ts'
import { measureThroughput } from './throughput/part.ts'

const parts: Readonly<Record<string, () => Promise<Result | readonly Result[]>>> = {
  throughput: measureThroughput,
  frameworks: measureFrameworks,
  next: measureNext,
  'task-cost': measureTaskCost,
  memory: measureMemory,
  'answer-first': measureAnswerFirst,
  protect: measureProtect,
  journal: measureJournal,
  idle: measureIdle,
  keys: measureKeys,
  observe: measureObserve,
  engines: measureEngines,
  scaling: measureScaling,
}

/** The pages that show results. */
const pages = ['README.md', '../docs/scaling.md']

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean' } } })
const unknown = positionals.filter((name) => !Object.hasOwn(parts, name))
if (unknown.length > 0) fail(`Unknown part: ${unknown.join(', ')}. Parts: ${Object.keys(parts).join(', ')}.`)

const origin = `Measured on: ${machine()}.`
console.log(`${origin}\n`)
for (const [name, measure] of Object.entries(parts)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const sections: string[] = [origin]
  for (const result of [await measure()].flat()) {
    const section = toMarkdown(result)
    sections.push(result.plot === undefined ? section : `${section}\n\n![${result.title}](${name}.svg)`)
    console.log(`${section}\n`)
    if (result.plot !== undefined) save(name, result.plot)
  }
  if (values.write) write(name, sections.join('\n\n'))
}

/** Beside the page that shows it; of a run that is not written there, where it is not in the way. */
function save(name: string, svg: string): void {
  const file = values.write ? new URL(`${name}.svg`, import.meta.url) : join(tmpdir(), `afterword-${name}.svg`)
  writeFileSync(file, svg)
  console.log(`Plot: ${file}\n`)
}

/** Writes the results of a part into each page that has its markers, in place of its last ones. */
function write(part: string, results: string): void {
  const [begin, end] = [`<!-- ${part} -->`, `<!-- /${part} -->`]
  let isWritten = false
  for (const page of pages) {
    const file = new URL(page, import.meta.url)
    const text = readFileSync(file, 'utf8')
    const [before, after] = [text.indexOf(begin), text.indexOf(end)]
    if (before === -1 || after === -1) continue
    writeFileSync(file, `${text.slice(0, before + begin.length)}\n\n${results}\n\n${text.slice(after)}`)
    isWritten = true
  }
  if (!isWritten) fail(`No page has the markers ${begin} and ${end}.`)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
