/**
 * The stored form of arguments: JSON where JSON can express them, else a table of JSON values, in which an array stands for one of the
 * kinds below and refers to other values by their index in the table. So cycles and shared references survive. A mark in front tells
 * one form from the other. Decoding builds data only: it never runs code of the app, nor touches a prototype.
 */
type Kind =
  | 'array'
  | 'object'
  | 'undefined'
  | 'hole'
  | 'number'
  | 'bigint'
  | 'date'
  | 'map'
  | 'set'
  | 'bytes'
  | 'url'
  | 'error'
  | 'regexp'
type Entry = string | number | boolean | null | [Kind, ...(string | number)[]]

const tableMark = '~'

/** The error for a value that can't be stored, with its path: `[0].user.onDone`. */
export class Unstorable extends Error {
  readonly what: string
  readonly path: string

  constructor(what: string, path: string) {
    super(`${what} at ${path}`)
    this.what = what
    this.path = path
  }
}

/** @throws Unstorable */
export function encode(args: readonly unknown[]): string {
  try {
    return isPlain(args, 0) ? JSON.stringify(args) : tableMark + JSON.stringify(new Table().of(args))
  } catch (error) {
    if (error instanceof RangeError) throw new Unstorable('a value that is nested too deeply', '[0]')
    throw error
  }
}

/** @throws SyntaxError where the text is none of `encode` */
export function decode(text: string): unknown[] {
  const value = text.startsWith(tableMark) ? fromTable(JSON.parse(text.slice(tableMark.length))) : JSON.parse(text)
  if (!Array.isArray(value)) throw new SyntaxError('Stored arguments are not a list')
  return value
}

/** The depth past which a value is a cycle, or needs the table anyway. */
const mostPlainDepth = 32

/** JSON can express the value. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth > mostPlainDepth) return false
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length) return false
    return value.every((item) => isPlain(item, depth + 1))
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length > 0) return false
  // The loop also sees properties that were added to `Object.prototype`: JSON leaves those out.
  for (const key in value) {
    if (key === '__proto__' || key === 'toJSON' || !isPlain((value as Record<string, unknown>)[key], depth + 1))
      return false
  }
  return true
}

const bytesKinds = {
  ArrayBuffer,
  Buffer: globalThis.Buffer,
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const
type BytesKind = keyof typeof bytesKinds

class Table {
  readonly #entries: Entry[] = []
  readonly #indexes = new Map<unknown, number>()

  of(args: readonly unknown[]): readonly Entry[] {
    this.#index(args, '')
    return this.#entries
  }

  /** The index of a value; the values to which it refers follow. */
  #index(value: unknown, path: string): number {
    const known = this.#indexes.get(value)
    if (known !== undefined && !Object.is(value, -0)) return known
    const index = this.#entries.push(null) - 1
    if (!Object.is(value, 0) && !Object.is(value, -0)) this.#indexes.set(value, index)
    this.#entries[index] = this.#entry(value, path)
    return index
  }

  #entry(value: unknown, path: string): Entry {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : ['number', Object.is(value, -0) ? '-0' : String(value)]
      case 'bigint':
        return ['bigint', String(value)]
      case 'undefined':
        return ['undefined']
      case 'object':
        return value === null ? null : this.#object(value, path)
      case 'function':
        throw new Unstorable('a function', path)
      case 'symbol':
        throw new Unstorable('a symbol', path)
    }
  }

  #object(value: object, path: string): Entry {
    if (Array.isArray(value)) return this.#array(value, path)
    const prototype = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#record(value, path)
    if (value instanceof Date) return ['date', value.getTime()]
    if (value instanceof Map) {
      const parts = [...value].flatMap(([key, item], i) => [
        this.#index(key, `${path}<key ${i}>`),
        this.#index(item, `${path}<value ${i}>`),
      ])
      return ['map', ...parts]
    }
    if (value instanceof Set) return ['set', ...[...value].map((item, i) => this.#index(item, `${path}<item ${i}>`))]
    if (value instanceof URL) return ['url', value.href]
    if (value instanceof RegExp) return ['regexp', value.source, value.flags]
    if (value instanceof Error) return this.#error(value, path)
    const bytes = Object.entries(bytesKinds).find(([, type]) => prototype === type?.prototype)
    if (bytes !== undefined) return ['bytes', bytes[0], base64(value as ArrayBuffer | ArrayBufferView)]
    throw new Unstorable(`an instance of ${prototype?.constructor?.name || 'a class'}`, path)
  }

  #array(value: readonly unknown[], path: string): Entry {
    const parts: number[] = []
    for (let i = 0; i < value.length; i++)
      parts.push(i in value ? this.#index(value[i], `${path}[${i}]`) : this.#hole())
    return ['array', ...parts]
  }

  #hole(): number {
    return this.#entries.push(['hole']) - 1
  }

  #record(value: object, path: string): Entry {
    if (Object.getOwnPropertySymbols(value).length > 0) throw new Unstorable('a property named by a symbol', path)
    const parts = Object.entries(value).flatMap(([key, item]) => [key, this.#index(item, `${path}.${key}`)])
    return ['object', ...parts]
  }

  #error(error: Error, path: string): Entry {
    const { name, message, stack = '', cause } = error
    return ['error', name, message, stack, ...('cause' in error ? [this.#index(cause, `${path}.cause`)] : [])]
  }
}

function base64(value: ArrayBuffer | ArrayBufferView): string {
  const bytes = ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value)
  return bytes.toString('base64')
}

function fromTable(table: readonly Entry[]): unknown {
  const values = new Map<number, unknown>()
  const at = (reference: unknown): unknown => {
    const index = Number(reference)
    if (values.has(index)) return values.get(index)
    const entry = table[index]
    if (!Array.isArray(entry)) return keep(index, entry)
    const [kind, ...parts] = entry
    switch (kind) {
      case 'array': {
        const value = keep(index, new Array(parts.length) as unknown[])
        for (const [i, part] of parts.entries()) if (!isHole(table[Number(part)])) value[i] = at(part)
        return value
      }
      case 'object': {
        const value = keep(index, {})
        for (let i = 0; i < parts.length; i += 2) own(value, String(parts[i]), at(parts[i + 1]))
        return value
      }
      case 'map': {
        const value = keep(index, new Map())
        for (let i = 0; i < parts.length; i += 2) value.set(at(parts[i]), at(parts[i + 1]))
        return value
      }
      case 'set': {
        const value = keep(index, new Set())
        for (const part of parts) value.add(at(part))
        return value
      }
      case 'error': {
        const [name, message, stack, cause] = parts
        const value = keep(index, new Error(String(message)))
        own(value, 'stack', stack, false)
        if (name !== 'Error') own(value, 'name', name, false)
        if (cause !== undefined) own(value, 'cause', at(cause), false)
        return value
      }
      default:
        return keep(index, leaf(kind, parts))
    }
  }
  // A value is known before those to which it refers are made: they may refer back to it.
  const keep = <T>(index: number, value: T): T => {
    values.set(index, value)
    return value
  }
  return at(0)
}

const isHole = (entry: Entry | undefined): boolean => Array.isArray(entry) && entry[0] === 'hole'

/** Defines a property, also one called `__proto__`, which an assignment would take for the prototype. */
function own(target: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true })
}

function leaf(kind: Kind, parts: readonly (string | number)[]): unknown {
  const [first, second] = parts
  switch (kind) {
    case 'undefined':
      return undefined
    case 'number':
      return Number(first)
    case 'bigint':
      return BigInt(String(first))
    case 'date':
      return new Date(first === null ? Number.NaN : Number(first))
    case 'url':
      return new URL(String(first))
    case 'regexp':
      return new RegExp(String(first), String(second))
    case 'bytes':
      return toBytes(first as BytesKind, Buffer.from(String(second), 'base64'))
    default:
      throw new SyntaxError(`Stored arguments have a value of the unknown kind "${kind}"`)
  }
}

function toBytes(kind: BytesKind, bytes: Buffer): unknown {
  if (kind === 'Buffer') return bytes
  const type = Object.hasOwn(bytesKinds, kind) ? bytesKinds[kind] : undefined
  if (type === undefined) throw new SyntaxError(`Stored arguments have bytes of the unknown kind "${kind}"`)
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  return kind === 'ArrayBuffer' ? buffer : new (type as typeof Uint8Array)(buffer as ArrayBuffer)
}
