import { types } from 'node:util'
import { classNameOf, errorClass } from './intrinsics.ts'
import type { TableEntry } from './table-reader.ts'
import { TooLarge, Unstorable } from './unstorable.ts'

/** A place in the value that contains another one: an index of an array, or text to append to a path. */
type Step = string | number

const { getPrototypeOf, getOwnPropertyNames, getOwnPropertySymbols, getOwnPropertyDescriptor, hasOwn, keys } = Object

// Own properties of a value must not decide what its class would tell: the methods are those of the classes.
const forEachOfMap = Map.prototype.forEach
const forEachOfSet = Set.prototype.forEach
const timeOf = Date.prototype.getTime
const sourceOf = getOwnPropertyDescriptor(RegExp.prototype, 'source')?.get as (this: unknown) => string

/** The bytes that an entry takes at least: a digit that refers to it, and two commas. */
const leastBytes = 3
/** The most characters of a path that are told. */
const longestPath = 200

/**
 * A value table lists a value, and all to which it refers, once each. It is made value by value, not by recursion: however deep the value
 * is, the stack stays as it is.
 */
export class ValueTable {
  readonly #entries: TableEntry[] = []
  readonly #indexes = new Map<unknown, number>()
  /** The objects whose entries are to be made, and their indexes. */
  readonly #objects: object[] = []
  readonly #objectIndexes: number[] = []
  /** The first value that refers to each of the objects, and the place in it. */
  readonly #parents: number[] = []
  readonly #steps: Step[] = []
  /** The object whose entry is being made, as a place in `#objects`. */
  #at = -1
  #room: number
  readonly #most: number

  /** @param most the most bytes that the table may have: the table is given up when it can't have fewer */
  constructor(most: number) {
    this.#most = this.#room = most
  }

  /** @throws Unstorable, TooLarge */
  encode(args: readonly unknown[]): string {
    this.#index(args, '')
    for (this.#at = 0; this.#at < this.#objects.length; this.#at++) {
      const index = this.#objectIndexes[this.#at] as number
      this.#entries[index] = this.#entry(this.#objects[this.#at] as object)
    }
    // Where a library has given lists a `toJSON` of its own, it is not asked.
    if ((args as { toJSON?: unknown }).toJSON !== undefined)
      for (const entry of [this.#entries, ...this.#entries]) shield(entry)
    return JSON.stringify(this.#entries)
  }

  /** The index of a value. The entry of an object is made later. */
  #index(value: unknown, step: Step): number {
    // A map takes 0 and -0 for the same.
    const known = value === 0 ? undefined : this.#indexes.get(value)
    if (known !== undefined) return known
    this.#take(leastBytes)
    const index = this.#entries.push(this.#primitive(value, step)) - 1
    if (value !== 0) this.#indexes.set(value, index)
    if (typeof value === 'object' && value !== null) {
      this.#objects.push(value)
      this.#objectIndexes.push(index)
      this.#parents.push(this.#at)
      this.#steps.push(step)
    }
    return index
  }

  #primitive(value: unknown, step: Step): TableEntry {
    switch (typeof value) {
      case 'string':
        this.#take(value.length)
        return value
      case 'boolean':
        return value
      case 'number':
        if (Object.is(value, -0)) return ['number', '-0']
        return Number.isFinite(value) ? value : ['number', String(value)]
      case 'bigint':
        // The hexadecimal form of a huge number is cheap, the decimal one is not.
        this.#take(value.toString(16).length)
        return ['bigint', String(value)]
      case 'undefined':
        return ['undefined']
      case 'function':
      case 'symbol':
        throw this.#unstorable(`a ${typeof value}`, step)
      case 'object':
        return null
    }
  }

  #entry(value: object): TableEntry {
    try {
      return this.#object(value)
    } catch (error) {
      if (error instanceof Unstorable || error instanceof TooLarge) throw error
      // A getter has thrown, or a proxy that is revoked.
      throw this.#unstorable('a value that can not be read', '', { cause: error })
    }
  }

  #object(value: object): TableEntry {
    const prototype = getPrototypeOf(value)
    if (prototype === null) return this.#record(value, 'bare')
    const name = classNameOf(value, prototype)
    switch (name) {
      case undefined:
        throw this.#unstorable(`an instance of ${prototype.constructor?.name || 'a class'}`, '')
      case 'Object':
        return this.#record(value, 'object')
      case 'Array':
        return this.#array(value as unknown[])
      case 'Date': {
        const time = timeOf.call(value)
        return this.#extended(value, ['date', Number.isNaN(time) ? null : time])
      }
      case 'Map':
        return this.#extended(value, this.#map(value as Map<unknown, unknown>))
      case 'Set':
        return this.#extended(value, this.#set(value as Set<unknown>))
      case 'URL':
        return this.#text('url', (value as URL).href)
      case 'RegExp': {
        const { flags, lastIndex } = value as RegExp
        const entry = this.#text('regexp', sourceOf.call(value), flags, ...(lastIndex === 0 ? [] : [lastIndex]))
        return this.#extended(value, entry, ['lastIndex'])
      }
      case 'DOMException': {
        const { name, message, stack = '' } = value as DOMException
        return this.#text('exception', name, message, stack)
      }
      default:
        return errorClass(name) === undefined ? this.#bytes(value as Bytes, name) : this.#error(value as Error, name)
    }
  }

  #record(value: object, kind: 'object' | 'bare'): TableEntry {
    const names = keys(value)
    if (names.length > this.#room) throw new TooLarge(`at least ${this.#most + 1}`)
    if (getOwnPropertyNames(value).length !== names.length) return this.#extended(value, [kind])
    if (getOwnPropertySymbols(value).length > 0) throw this.#unstorable('a property named by a symbol', '')
    const entry: TableEntry = [kind]
    for (const key of names) {
      this.#take(key.length)
      entry.push(key, this.#index((value as Record<string, unknown>)[key], `.${key}`))
    }
    return entry
  }

  #array(value: readonly unknown[]): TableEntry {
    const { length } = value
    // Holes take no bytes, but whoever reads the list has to walk over them.
    this.#take(length)
    let isDense = getOwnPropertyNames(value).length === length + 1 && getOwnPropertySymbols(value).length === 0
    for (let i = 0; isDense && i < length; i++) isDense = hasOwn(value, i)
    if (!isDense) return this.#extended(value, ['sparse', length], ['length'])
    const entry: TableEntry = ['array']
    for (let i = 0; i < length; i++) entry.push(this.#index(value[i], i))
    return entry
  }

  #map(value: Map<unknown, unknown>): TableEntry {
    const entry: TableEntry = ['map']
    let i = 0
    forEachOfMap.call(value, (item, key) => {
      entry.push(this.#index(key, `<key ${i}>`), this.#index(item, `<value ${i++}>`))
    })
    return entry
  }

  #set(value: Set<unknown>): TableEntry {
    const entry: TableEntry = ['set']
    let i = 0
    forEachOfSet.call(value, (item) => void entry.push(this.#index(item, `<item ${i++}>`)))
    return entry
  }

  #error(error: Error, name: string): TableEntry {
    const { message, stack } = error
    const known = ['message', 'stack'].filter((key) => typeof error[key as 'message' | 'stack'] === 'string')
    const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
    const entry = this.#text('error', name, textOf(message), textOf(stack))
    const cause = getOwnPropertyDescriptor(error, 'cause')
    if (cause?.enumerable === false) {
      known.push('cause')
      entry.push(this.#index(error.cause, '.cause'))
    }
    return this.#extended(error, entry, known, true)
  }

  #bytes(value: Bytes, name: string): TableEntry {
    const isView = ArrayBuffer.isView(value)
    const buffer = isView ? value.buffer : value
    if (types.isSharedArrayBuffer(buffer)) throw this.#unstorable('memory that threads share', '')
    if (buffer.detached) throw this.#unstorable('an ArrayBuffer that was transferred', '')
    if (!isView && buffer.resizable) throw this.#unstorable('an ArrayBuffer that is resizable', '')
    // Four characters for three bytes.
    this.#take(Math.ceil(value.byteLength / 3) * 4)
    const bytes = isView ? Buffer.from(buffer, value.byteOffset, value.byteLength) : Buffer.from(buffer)
    return ['bytes', name, bytes.toString('base64')]
  }

  #text(kind: 'url' | 'regexp' | 'error' | 'exception', ...texts: (string | number)[]) {
    for (const text of texts) if (typeof text === 'string') this.#take(text.length)
    return [kind, ...texts] as [typeof kind, ...(string | number)[]]
  }

  /**
   * Adds the own properties to the entry of a value, besides those that the entry has already.
   * @param lenient properties that are hidden, and can't be stored, are left out: Node's errors have such
   */
  #extended(value: object, entry: TableEntry, known: readonly string[] = [], lenient = false): TableEntry {
    const parts: (string | number)[] = []
    for (const key of Reflect.ownKeys(value)) {
      const isHidden = getOwnPropertyDescriptor(value, key)?.enumerable === false
      if (typeof key === 'symbol') {
        if (isHidden && lenient) continue
        throw this.#unstorable('a property named by a symbol', '')
      }
      if (known.includes(key)) continue
      const item = (value as Record<string, unknown>)[key]
      if (isHidden && lenient && (typeof item === 'function' || typeof item === 'symbol')) continue
      this.#take(key.length + 1)
      parts.push(
        `${isHidden ? '-' : '+'}${key}`,
        this.#index(item, Array.isArray(value) && /^\d+$/.test(key) ? Number(key) : `.${key}`),
      )
    }
    if (parts.length === 0) return entry
    this.#take(leastBytes)
    return ['extended', this.#entries.push(entry) - 1, ...parts]
  }

  #take(bytes: number): void {
    this.#room -= bytes
    if (this.#room < 0) throw new TooLarge(`at least ${this.#most + 1}`)
  }

  #unstorable(what: string, step: Step, options?: ErrorOptions): Unstorable {
    let path = pathOf(step)
    for (let at = this.#at; at > 0; at = this.#parents[at] as number) {
      path = pathOf(this.#steps[at] as Step) + path
      if (path.length > longestPath) return new Unstorable(what, `…${path.slice(-longestPath)}`, options)
    }
    return new Unstorable(what, path, options)
  }
}

type Bytes = ArrayBuffer | ArrayBufferView<ArrayBuffer>

const pathOf = (step: Step) => (typeof step === 'number' ? `[${step}]` : step)

/** Hides an inherited `toJSON`. */
function shield(entry: TableEntry | TableEntry[]): void {
  if (Array.isArray(entry)) Object.defineProperty(entry, 'toJSON', { value: undefined })
}
