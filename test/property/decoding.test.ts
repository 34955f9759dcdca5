import { expect, test } from 'vitest'
import { decode, encode } from '../../src/journal/format/encoding.ts'
import { TooLarge, Unstorable } from '../../src/journal/format/unstorable.ts'
import { HostileTexts } from './hostile-texts.ts'

// `npm run hostile` decodes a million.
const count = Number(process.env.HOSTILE_DECODES ?? 30_000)
const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31)

/** The objects that all others inherit from, as they are now. */
function prototypes(): string {
  const classes = [
    Object,
    Function,
    Array,
    Map,
    Set,
    Date,
    RegExp,
    URL,
    Error,
    TypeError,
    AggregateError,
    Promise,
    String,
    Number,
  ]
  const all = [...classes, Buffer, Uint8Array, Float64Array, ArrayBuffer, DOMException]
  const told = (value: object) =>
    Reflect.ownKeys(value).map((key) => [String(key), typeof Object.getOwnPropertyDescriptor(value, key)?.value])
  return JSON.stringify(all.map((made) => [told(made), told(made.prototype), made.name]))
}

/** Decodes a text; `undefined` where it is refused with an error that tells why. */
function tryDecode(text: string): unknown[] | undefined {
  try {
    return decode(text)
  } catch (error) {
    expect(error, text).toBeInstanceOf(Error)
    expect(String(error), text).not.toMatch(/Cannot read properties|is not a function|call stack/)
    return undefined
  }
}

/** Encodes what was decoded: data that can be stored, and all of it can be told to be so. */
function tryEncode(args: unknown[], text: string): string | undefined {
  try {
    return encode(args, 100_000)
  } catch (error) {
    if (error instanceof Unstorable || error instanceof TooLarge) return undefined
    throw new Error(`${String(error)}: ${text}`, { cause: error })
  }
}

test(`${count} hostile texts are decoded to data, or refused with an error (seed ${seed})`, () => {
  const before = prototypes()
  const hostile = new HostileTexts(seed)
  let decoded = 0
  for (let i = 0; i < count; i++) {
    const text = hostile.next()
    const args = tryDecode(text)
    if (args !== undefined) {
      decoded++
      expect(Array.isArray(args), text).toBe(true)
      const again = tryEncode(args, text)
      if (again !== undefined && i % 10 === 0) expect(encode(decode(again)), text).toBe(again)
    }
    if (i % 1000 === 0) expect(prototypes(), text).toBe(before)
  }
  expect(prototypes()).toBe(before)
  expect(decoded).toBeGreaterThan(count / 20)
}, 1_200_000)
