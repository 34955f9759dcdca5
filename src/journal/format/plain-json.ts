import { TooLarge } from './unstorable.ts'

/** The depth past which a value is a cycle, or needs the table anyway. */
const mostDepth = 32
/** The number of objects that are looked for one by one: a set is dearer for so few. */
const mostSeen = 12

/** The bytes that a property takes at least besides the characters of its name, as JSON and in a table: two quotation marks, two other marks. */
const leastBytes = 4

/** The objects of the value so far: one that is met again is shared, or a cycle. */
const seen: (object | undefined)[] = new Array(mostSeen).fill(undefined)
let count = 0
let more: Set<object> | undefined
/** The room that is left, in bytes: each value takes one at least. */
let room = 0
/** The room that there was. */
let most = 0

const { getPrototypeOf, getOwnPropertyNames, getOwnPropertySymbols, keys } = Object
const plainPrototype = Object.prototype
const listPrototype = Array.prototype

/**
 * Makes the JSON of arguments, if JSON can express them, and if it takes no more than `longest` bytes, as far as that is cheap to tell.
 * `undefined` where it can't: then the arguments need a table. Throws `TooLarge` where no table is short enough. Each kept call comes here: a few nanoseconds for each value are all there is.
 */
export function plainJson(args: readonly unknown[], longest: number): string | undefined {
  // A library may have given lists a `toJSON` of its own.
  if ((args as { toJSON?: unknown }).toJSON !== undefined) return undefined
  most = longest
  room = most - args.length
  try {
    for (let i = 0; i < args.length; i++) if (!isPlain(args[i], 0)) return undefined
    return room < 0 ? undefined : JSON.stringify(args)
  } catch (error) {
    if (error instanceof TooLarge) throw error
    // A getter has thrown: the table tells which one.
    return undefined
  } finally {
    for (let i = 0; i < count; i++) seen[i] = undefined
    count = 0
    more = undefined
  }
}

/** JSON can express the value, which is no part of the arguments twice. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      return (room -= value.length) >= 0
    case 'boolean':
      return true
    case 'number':
      return value - value === 0 && (value !== 0 || 1 / value > 0)
    case 'object':
      return value === null || (depth < mostDepth && isPlainObject(value, depth + 1))
    default:
      return false
  }
}

function isPlainObject(value: object, depth: number): boolean {
  if (Array.isArray(value)) {
    const { length } = value
    if ((room -= length) < 0 || getPrototypeOf(value) !== listPrototype) return false
    if (keys(value).length !== length || isKnown(value)) return false
    for (let i = 0; i < length; i++) if (!isPlain(value[i], depth)) return false
    return true
  }
  if (getPrototypeOf(value) !== plainPrototype || isKnown(value)) return false
  let properties = 0
  let bytes = 0
  // The loop also sees properties that were added to `Object.prototype`: JSON leaves those out.
  for (const key in value) {
    properties++
    // To look at so many properties once more takes its time, and they fit in no table.
    if ((bytes += key.length + leastBytes) > most) throw new TooLarge(`at least ${most + 1}`)
    room -= key.length
    if (key === '__proto__' || key === 'toJSON' || !isPlain((value as Record<string, unknown>)[key], depth))
      return false
  }
  // JSON has no properties that are hidden, or named by a symbol.
  return getOwnPropertyNames(value).length === properties && getOwnPropertySymbols(value).length === 0
}

function isKnown(value: object): boolean {
  if (more !== undefined) return more.size === more.add(value).size
  for (let i = 0; i < count; i++) if (seen[i] === value) return true
  if (count < mostSeen) seen[count++] = value
  else more = new Set(seen as object[]).add(value)
  return false
}
