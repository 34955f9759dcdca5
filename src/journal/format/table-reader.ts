import { bytesClass, errorClass } from './intrinsics.ts'

/**
 * The kinds of entries of a table. An entry is a plain value of JSON, or an array: a kind, and what the kind has. Other values are referred
 * to by their indexes in the table, so that shared references and cycles survive.
 *
 *     array      the indexes of its items
 *     hole       stands for an item that is missing; from earlier releases
 *     sparse     its length; the items are properties of an `extended` entry
 *     object     pairs of a key and an index
 *     bare       the same, without a prototype
 *     map        pairs of indexes
 *     set        indexes
 *     error      class, message, stack and, if it has one, the index of its cause
 *     exception  a DOMException: name, message, stack
 *     regexp     source, flags and, if it is not 0, lastIndex
 *     bytes      class, base64
 *     date       milliseconds, or null
 *     url, bigint, number   text
 *     undefined
 *     extended   the index of an object, then its further own properties: pairs of a key, behind `+` or, if it is hidden, `-`, and an index
 */
export const kinds = [
  'array',
  'hole',
  'sparse',
  'object',
  'bare',
  'map',
  'set',
  'error',
  'exception',
  'regexp',
  'bytes',
  'date',
  'url',
  'bigint',
  'number',
  'undefined',
  'extended',
] as const
type Kind = (typeof kinds)[number]
type Part = string | number | null
type List = readonly [Kind, ...Part[]]
export type TableEntry = string | number | boolean | null | [Kind, ...Part[]]

/**
 * Reads a table: makes all values first, then has them refer to each other. So no table makes the stack grow. Throws an error where the
 * table is none that was encoded; a file may have been changed by anybody.
 */
export function readTable(table: readonly TableEntry[]): unknown {
  if (!Array.isArray(table)) throw wrong('no list')
  const values = table.map((entry) => (isList(entry) ? make(entry) : plain(entry)))
  // Properties are added to an object that is one entry, and stands for another.
  for (const [i, entry] of table.entries()) {
    if (!isOf(entry, 'extended')) continue
    const inner = indexOf(entry[1], table)
    if (isOf(table[inner], 'extended') || typeof values[inner] !== 'object' || values[inner] === null)
      throw wrong('such an object')
    values[i] = values[inner]
  }
  for (const [i, entry] of table.entries()) if (isList(entry)) fill(values[i], entry, table, values)
  return values[0]
}

const wrong = (what: string) => new SyntaxError(`Stored arguments have ${what}`)

const isList = (entry: TableEntry | undefined): entry is [Kind, ...Part[]] => Array.isArray(entry)
const isOf = (entry: TableEntry | undefined, kind: Kind): entry is [Kind, ...Part[]] =>
  isList(entry) && entry[0] === kind

function plain(entry: TableEntry): TableEntry {
  if (typeof entry === 'object' && entry !== null) throw wrong('an entry that is an object')
  return entry
}

/** Makes the value of an entry: an object without those to which it refers. */
function make([kind, ...parts]: List): unknown {
  const [first, second, third] = parts
  switch (kind) {
    case 'array':
      return []
    case 'sparse': {
      const value: unknown[] = []
      // A list of that length takes no memory for its holes, unlike one that grows.
      value.length = 2 ** 32 - 1
      value.length = Number(first)
      return value
    }
    case 'object':
      return {}
    case 'bare':
      return Object.create(null)
    case 'map':
      return new Map()
    case 'set':
      return new Set()
    case 'error':
      return madeError(String(first), String(second), third)
    case 'exception':
      return withStack(new DOMException(String(second), String(first)), third)
    case 'regexp': {
      const value = new RegExp(String(first), String(second))
      value.lastIndex = Number(third ?? 0)
      return value
    }
    case 'bytes':
      return madeBytes(String(first), Buffer.from(String(second), 'base64'))
    case 'date':
      return new Date(first === null ? Number.NaN : Number(first))
    case 'url':
      return new URL(String(first))
    case 'bigint':
      return BigInt(String(first))
    case 'number':
      return Number(first)
    case 'undefined':
    case 'hole':
    case 'extended':
      return undefined
    default:
      throw wrong(`a value of the unknown kind "${String(kind)}"`)
  }
}

function madeError(name: string, message: string, stack: Part | undefined): Error {
  const known = errorClass(name)
  const isAggregate = name === 'AggregateError' || name === 'SuppressedError'
  const value: Error = isAggregate
    ? Object.setPrototypeOf(new Error(message), known?.prototype ?? Error.prototype)
    : new (known ?? Error)(message === '' ? undefined : message)
  // Earlier releases have stored errors of other classes by their names.
  if (known === undefined) own(value, 'name', name, false)
  return withStack(value, stack)
}

function withStack<E extends Error>(value: E, stack: Part | undefined): E {
  own(value, 'stack', String(stack ?? ''), false)
  return value
}

function madeBytes(name: string, bytes: Buffer): unknown {
  const made = bytesClass(name)
  if (made === undefined) throw wrong(`bytes of the unknown kind "${name}"`)
  if (name === 'Buffer') return bytes
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  return name === 'ArrayBuffer' ? buffer : new made(buffer)
}

/** Has a value refer to others. */
function fill(value: unknown, [kind, ...parts]: List, table: readonly TableEntry[], values: readonly unknown[]): void {
  const at = (reference: Part | undefined) => values[indexOf(reference, table)]
  switch (kind) {
    case 'array': {
      const items = value as unknown[]
      for (const part of parts) {
        if (isOf(table[part as number], 'hole')) items.length++
        else items.push(at(part))
      }
      return
    }
    case 'object':
    case 'bare':
      for (let i = 0; i < parts.length; i += 2) own(value as object, String(parts[i]), at(parts[i + 1]))
      return
    case 'map':
      for (let i = 0; i < parts.length; i += 2) (value as Map<unknown, unknown>).set(at(parts[i]), at(parts[i + 1]))
      return
    case 'set':
      for (const part of parts) (value as Set<unknown>).add(at(part))
      return
    case 'error':
      if (parts[3] !== undefined) own(value as object, 'cause', at(parts[3]), false)
      return
    case 'extended':
      for (let i = 1; i < parts.length; i += 2) {
        const key = String(parts[i])
        own(value as object, key.slice(1), at(parts[i + 1]), key.startsWith('+'))
      }
  }
}

function indexOf(reference: Part | undefined, table: readonly TableEntry[]): number {
  if (typeof reference === 'number' && Number.isInteger(reference) && reference >= 0 && reference < table.length)
    return reference
  throw wrong('a reference to no value')
}

/** Defines a property, also one called `__proto__`, which an assignment would take for the prototype. */
function own(target: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true })
}
