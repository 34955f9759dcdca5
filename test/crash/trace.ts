import { readFileSync } from 'node:fs'
import { type Command, works } from './command.ts'

/** The system calls of a process that write or sync, in the order in which they happened. */
export interface Call {
  readonly name: string
  /** The path of its file; `socket:[…]` or so for what is none. */
  readonly file: string
  readonly data: Buffer
  /** The arguments behind the data: lengths, offsets. */
  readonly numbers: readonly number[]
  /** Places in the order of all beginnings and ends. */
  readonly begun: number
  ended: number
  result: number
}

/** Debian: `apt-get install strace`. */
export const canTrace = works(['strace', '-o', '/dev/null', 'true'])

const traced = ['pwrite64', 'write', 'writev', 'fsync', 'fdatasync', 'ftruncate', 'unlink']

/** A command under which a program is traced, which stays the process that was started. */
export function tracer(file: string): Command {
  return ['strace', '-D', '-f', '-y', '-s', '1000000', '-e', `trace=${traced}`, '-o', file]
}

export function callsIn(file: string): Call[] {
  const calls: Call[] = []
  const unfinished = new Map<string, Call>()
  for (const [place, line] of readFileSync(file, 'latin1').split('\n').entries()) {
    const [, task = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const result = Number(/\) += (-?\d+)/.exec(text.slice(text.lastIndexOf(') ')))?.[1])
    if (text.startsWith('<... ')) {
      const call = unfinished.get(task)
      if (call !== undefined) Object.assign(call, { ended: place, result })
      unfinished.delete(task)
      continue
    }
    const call = parse(text, place, result)
    if (call === undefined) continue
    calls.push(call)
    if (text.endsWith('<unfinished ...>')) unfinished.set(task, Object.assign(call, { ended: Infinity }))
  }
  return calls
}

function parse(text: string, place: number, result: number): Call | undefined {
  const [head, name = '', file = ''] = /^(\w+)\((?:\d+<([^>]*)>)?/.exec(text) ?? []
  if (head === undefined || !traced.includes(name)) return undefined
  const strings = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, string = '']) => unquoted(string))
  const rest = text.slice(Math.max(head.length, text.lastIndexOf('"') + 1))
  const numbers = [
    ...rest
      .split(/\) += | <unfin/, 1)
      .join('')
      .matchAll(/, (\d+)/g),
  ].map(([, number]) => Number(number))
  const data = name === 'unlink' ? Buffer.of() : Buffer.concat(strings)
  return {
    name,
    file: name === 'unlink' ? String(strings[0]) : file,
    data,
    numbers,
    begun: place,
    ended: place,
    result,
  }
}

const letters: Readonly<Record<string, string>> = { t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' }

/** A string as C writes it. */
function unquoted(text: string): Buffer {
  const bytes = text.replace(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (letters[code] ?? code),
  )
  return Buffer.from(bytes, 'latin1')
}
