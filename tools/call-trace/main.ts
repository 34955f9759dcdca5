import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

// Traces one request with one deferred call in the thread of the requests: the functions of the package that are entered, their files, and
// the moves from a function of one file to that of another. `--list` prints the functions in their order.
const { values } = parseArgs({ options: { list: { type: 'boolean' } } })
const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))
/** Left out: queues of two pointers, and samples that most requests don't take. */
const aside = /^(fifo|schedule\/slow-tasks)\.js$/

for (const kind of ['memory', 'normal', 'full']) {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-trace-'))
  const notes = join(folder, 'notes')
  const flags = ['--expose-internals', '--disable-warning=ExperimentalWarning', '--import', beside('instrument.js')]
  const child = fork(beside('request.ts'), [kind, folder], {
    execArgv: flags,
    env: { ...process.env, CALL_TRACE: notes },
  })
  const [[begin, end]] = (await once(child, 'message')) as [[string, string]]
  child.disconnect()
  await once(child, 'exit')
  const calls = readFileSync(notes, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ') as [at: string, file: string, name: string])
    .filter(([at, file]) => BigInt(at) > BigInt(begin) && BigInt(at) < BigInt(end) && !aside.test(file))
  const files = new Set(calls.map(([, file]) => file))
  const moves = calls.filter(([, file], i) => i > 0 && calls[i - 1]?.[1] !== file)
  console.log(`${kind}: ${calls.length} functions entered, in ${files.size} files; ${moves.length} moves between files`)
  if (values.list) for (const [, file, name] of calls) console.log(`  ${file} ${name}`)
  rmSync(folder, { recursive: true })
}
