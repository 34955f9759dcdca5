import { types } from 'node:util'

/** The typed arrays, and the buffer behind them. */
const bytesClasses = {
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
  Float16Array: globalThis.Float16Array,
} as const

/** The classes of errors that the language and the runtime define. */
const errorClasses = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
  SuppressedError: globalThis.SuppressedError,
} as const

const classes = { Object, Array, Date, Map, Set, RegExp, URL, DOMException, ...bytesClasses, ...errorClasses } as const
/** The names of the classes whose instances can be stored. */
export type ClassName = keyof typeof classes

/** A map and no object: a name that is read from a file may be that of a property of any object. */
const classOf = new Map<string, unknown>(Object.entries(classes).filter(([, made]) => made !== undefined))
const nameOf = new Map<unknown, ClassName>()
for (const [name, made] of classOf) nameOf.set((made as { prototype: object }).prototype, name as ClassName)

/** Finds a class of typed arrays, or `ArrayBuffer`; `undefined` where this runtime has none of that name. */
export function bytesClass(name: string): (new (from: ArrayBuffer) => ArrayBufferView) | undefined {
  return Object.hasOwn(bytesClasses, name) ? (classOf.get(name) as never) : undefined
}

/** Finds a class of errors; `undefined` where this runtime has none of that name. */
export function errorClass(name: string): ErrorConstructor | undefined {
  return Object.hasOwn(errorClasses, name) ? (classOf.get(name) as never) : undefined
}

/**
 * The class of an object, if its instances can be stored: that of this realm, or the one that a realm of its own has under that name (a
 * context of `vm`, a test of Jest). `undefined` for instances of all other classes, and for objects that only pose as such an instance.
 */
export function classNameOf(value: object, prototype: object): ClassName | undefined {
  const name = nameOf.get(prototype) ?? foreignName(prototype)
  return name !== undefined && isGenuine(value, name) ? name : undefined
}

/** Source text of a function that is built in, and of no class of an app. */
const isBuiltIn = (fn: object) => /\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(fn))

function foreignName(prototype: object): ClassName | undefined {
  const maker = Object.getOwnPropertyDescriptor(prototype, 'constructor')
  // Node makes errors of classes of its own, which name the public class as the one that made them.
  const made: unknown = maker?.get === undefined ? maker?.value : (prototype as { constructor: unknown }).constructor
  if (typeof made !== 'function') return undefined
  const own = maker?.get === undefined ? undefined : nameOf.get(made.prototype)
  if (own !== undefined) return errorClass(own) && own
  const isClass = made.prototype === prototype && classOf.has(made.name) && isBuiltIn(made)
  return isClass ? (made.name as ClassName) : undefined
}

const tagOf = (value: object) => Object.prototype.toString.call(value).slice('[object '.length, -1)

/** The object has the internal state of its class: a prototype can be set on any object. */
function isGenuine(value: object, name: ClassName): boolean {
  switch (name) {
    case 'Object':
      return true
    case 'Array':
      return Array.isArray(value)
    case 'Date':
      return types.isDate(value)
    case 'Map':
      return types.isMap(value)
    case 'Set':
      return types.isSet(value)
    case 'RegExp':
      return types.isRegExp(value)
    case 'URL':
    case 'DOMException':
      return tagOf(value) === name
    case 'ArrayBuffer':
      return types.isArrayBuffer(value)
    case 'Buffer':
      return types.isUint8Array(value)
    default:
      return Object.hasOwn(errorClasses, name) ? types.isNativeError(value) : types.isTypedArray(value)
  }
}
