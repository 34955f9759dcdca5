import { AfterwordError, describe } from '../errors.ts'
import { longestTime } from '../timers.ts'

/** The rule of an option: the values that it accepts, and its default. */
interface Rule<T> {
  readonly default: T
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  readonly most?: number
  readonly required?: boolean
  /** An `undefined` that was given is refused: a variable that was meant is not set. */
  readonly given?: boolean
  /** The rules of the parts of a value that is an object. */
  // biome-ignore lint/suspicious/noExplicitAny: the parts are checked, and the value stays as it was given
  readonly parts?: Rules<any>
  /** A message does not repeat the value that was given. */
  readonly secret?: boolean
}

export type Rules<O> = { readonly [K in keyof O]-?: Rule<O[K]> }

export const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value)
export const isTime = (value: unknown) => isNumber(value) && value >= 0
export const isCount = (least: number) => (value: unknown) =>
  isNumber(value) && value >= least && (Number.isInteger(value) || value === Infinity)

export const time = (value: number) => ({
  default: value,
  expected: 'a number of milliseconds, 0 or more',
  accepts: isTime,
  most: longestTime,
})
export const count = (value: number, least: number) => ({
  default: value,
  expected: `a whole number, ${least} or more`,
  accepts: isCount(least),
})
export const flag = (value: boolean) => ({
  default: value,
  expected: 'true or false',
  accepts: (value: unknown) => typeof value === 'boolean',
})

export const optional = (expected: string, accepts: (value: unknown) => boolean) => ({
  default: undefined as never,
  expected,
  accepts,
})
export const isFunction = (value: unknown) => typeof value === 'function'
export const isText = (value: unknown) => typeof value === 'string' && value !== ''
export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Checks the options that were given and fills in the defaults. An option given as `undefined` counts as not given. */
export function validate<O extends object>(place: string, rules: Rules<O>, given: O): Required<O> {
  if (typeof given !== 'object' || given === null) {
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, 'its options', 'an object', describe(given)])
  }
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(rules, key)) continue
    const known = Object.keys(rules)
    const near = nearest(key, known)
    const next = near === undefined ? `Known options: ${known.join(', ')}.` : `Did you mean "${near}"?`
    throw new AfterwordError('AFTERWORD_UNKNOWN_OPTION', [place, key, next])
  }
  const resolved: Record<string, unknown> = {}
  for (const [key, rule] of Object.entries<Rule<unknown>>(rules)) {
    const value = (given as Record<string, unknown>)[key]
    const isGiven = value !== undefined || rule.required || (rule.given && key in given)
    if (isGiven && !rule.accepts(value)) {
      throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, key, rule.expected, describeAs(rule, value)])
    }
    if (rule.parts !== undefined && isObject(value)) validate(`${place}, ${key}`, rule.parts, value)
    resolved[key] =
      rule.most === undefined ? (value ?? rule.default) : Math.min(Number(value ?? rule.default), rule.most)
  }
  return resolved as Required<O>
}

/** Checks an argument that is no option. @throws AfterwordError `AFTERWORD_INVALID_OPTION` */
export function validateText(place: string, what: string, given: string): string {
  if (typeof given === 'string') return given
  throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, what, 'a text', describe(given)])
}

/** @throws AfterwordError `AFTERWORD_NOT_A_PROMISE` */
export function requirePromise(given: unknown): void {
  if (typeof (given as { then?: unknown } | null)?.then === 'function') return
  throw new AfterwordError('AFTERWORD_NOT_A_PROMISE', [describe(given)])
}

function describeAs({ secret = false }: Rule<unknown>, value: unknown): string {
  if (secret && typeof value === 'string') return `a text of ${value.length} characters`
  if (secret && ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  return describe(value)
}

/** Finds the known name that was probably meant, if one is near. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const [name, distance] = known
    .map((name) => [name, editDistance(given.toLowerCase(), name.toLowerCase())] as const)
    .reduce((best, other) => (other[1] < best[1] ? other : best))
  return distance <= name.length / 2 ? name : undefined
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** Two values are the same to whoever sets options: lists and plain objects by what they hold, keys by their bytes, all else by identity. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (!isObject(a) || !isObject(b)) return false
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, i) => byte === b[i])
  if (!isPlain(a) || !isPlain(b)) return false
  const keys = new Set([...Object.keys(a as object), ...Object.keys(b as object)])
  return [...keys].every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
}

/** The value is a list or an object of no class, of any realm. */
function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return true
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
