import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode, encode } from '../../src/journal/format/encoding.ts'

const cyclic: Record<string, unknown> = { name: 'ring' }
cyclic.self = cyclic
cyclic.list = [cyclic, new Map([[cyclic, new Set([cyclic])]])]
const shared = { a: 1 }

const file = Object.assign(new Error('ENOENT: no such file', { cause: new TypeError('inner') }), {
  code: 'ENOENT',
  errno: -2,
})
const match = /(?<year>\d+)-(\d+)/.exec('on 2024-02')
const hidden = Object.defineProperty({ a: 1 }, 'b', { value: { c: 2 }, enumerable: false })
const frozenList = Object.freeze([1, 2])
const lastIndex = Object.assign(/a/g, { lastIndex: 3 })
const inner = caught(() => Buffer.from(5 as never))
const huge = new Array(2 ** 32 - 1)
huge[2 ** 32 - 2] = 1

/** The error that a function throws. */
function caught(fn: () => unknown): unknown {
  try {
    return fn()
  } catch (error) {
    return error
  }
}

/** The values that survive as they are. */
const faithful: Record<string, unknown> = {
  'plain data': { a: [1, 'two', true, null, { b: {} }], c: 1.5e-7 },
  'an empty string, zero': ['', 0],
  undefined: undefined,
  'undefined in an object': { a: undefined, b: [undefined] },
  'numbers that JSON has not': [Number.NaN, Infinity, -Infinity, -0, 0],
  'a bigint': 2n ** 70n,
  'a date': new Date(1234567890123),
  'an invalid date': new Date(Number.NaN),
  'a map of maps': new Map<unknown, unknown>([
    [{ key: 1 }, new Map([['a', undefined]])],
    ['b', -0],
  ]),
  'a set': new Set([1, 'a', new Date(0)]),
  'a URL': new URL('https://user@example.org/a?b#c'),
  'a regular expression': /a"b\/c/giu,
  bytes: new Uint8Array([0, 1, 254, 255]),
  'a part of a larger buffer': new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
  'a Buffer': Buffer.from('bytes'),
  'other typed arrays': [new Float64Array([1.5, -0]), new BigInt64Array([-1n]), new Uint16Array([65535])],
  'an ArrayBuffer': new Uint8Array([7, 8]).buffer,
  'a sparse array': Object.assign(new Array(3), { 0: 1, 2: 3 }),
  'a cycle': cyclic,
  'text like the marks': ['~', '~[0]', ['array', 1], ['hole']],
  'a key called toJSON': { toJSON: 1 },
  'an object without a prototype': Object.assign(Object.create(null), { a: { b: 1 } }),
  'properties that are hidden': hidden,
  'a list with properties, of a match': match,
  'properties of a date, a map and a set': [
    Object.assign(new Date(5), { zone: 'Europe/Berlin' }),
    Object.assign(new Map([[1, 2]]), { of: new Map() }),
    Object.assign(new Set([1]), { at: { a: 1 } }),
  ],
  'lastIndex of a regular expression': lastIndex,
  'a frozen list twice': [frozenList, frozenList],
  'text that is no Unicode, and NUL': ['\ud800', 'x \udc00 \u0000 \u2028', { '\ud800': 1, '\u0000': 2, '': 3 }, '\t\n'],
  'numbers at the ends': [5e-324, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, -1e21],
  'keys that classes have': JSON.parse('{"__proto__": {"a": 1}, "constructor": 1, "hasOwnProperty": 2, "length": 3}'),
  'keys in the order of the object': { b: 1, a: undefined, 7: 2 },
  'an invalid date, -0 and NaN as keys of a map': new Map<unknown, unknown>([
    [new Date(Number.NaN), 1],
    [Number.NaN, -0],
  ]),
  'a list within itself': (() => {
    const list: unknown[] = [1]
    list.push(list, new Set([list]))
    return list
  })(),
}

/** The errors that survive with their class and all their properties, besides those that Node hides in its own. */
const errors: Record<string, Error> = {
  Error: new Error('plain'),
  'without a message': new Error(),
  TypeError: new TypeError('no'),
  RangeError: new RangeError('no', { cause: undefined }),
  SyntaxError: caught(() => JSON.parse('{')) as Error,
  'of a file': file,
  'of an API': Object.assign(new Error('402'), { status: 402, response: { body: ['no money'], at: new Date(0) } }),
  AggregateError: new AggregateError([new Error('a'), new TypeError('b')], 'both', { cause: { id: 1 } }),
  'with a name of its own': Object.assign(new Error('x'), { name: 'ValidationError' }),
  'with a message and a stack that are no text': Object.assign(new Error('x'), {
    message: { id: 1 },
    stack: undefined,
  }),
  'of a request that was aborted': AbortSignal.abort().reason as Error,
  'of Node': inner as Error,
  'in a circle': (() => {
    const error = new Error('a')
    error.cause = new Error('b', { cause: error })
    return error
  })(),
}

describe('encode() and decode()', () => {
  it.each(Object.entries(faithful))('keep %s', (_name, value) => {
    expect(decode(encode([value]))).toStrictEqual([value])
  })

  it('keep shared references', () => {
    const [a, b] = decode(encode([shared, [shared], undefined])) as [unknown, unknown[]]
    expect(b[0]).toBe(a)
  })

  it.each(Object.entries(errors))('keep an error %s: its class and its properties', (_name, error) => {
    const [stored] = decode(encode([error])) as [Error]
    const readable = (key: string | symbol) => typeof key === 'string'
    expect(Object.prototype.toString.call(stored)).toBe(Object.prototype.toString.call(error))
    expect(Object.getPrototypeOf(stored)).toBe(Object.getPrototypeOf(error).constructor.prototype)
    expect(Reflect.ownKeys(stored).filter(readable).sort()).toEqual(Reflect.ownKeys(error).filter(readable).sort())
    expect([stored.name, stored.message, stored.stack]).toEqual([error.name, error.message, error.stack])
    expect(Object.entries(stored)).toStrictEqual(Object.entries(error))
    if (error.cause instanceof Error) expect((stored.cause as Error).message).toBe(error.cause.message)
    else expect(stored.cause).toStrictEqual(error.cause)
    expect((stored as AggregateError).errors).toStrictEqual((error as AggregateError).errors)
  })

  it('keep what comes of another realm, as of this one', () => {
    const foreign = runInNewContext(`({
      list: [1, { b: 2 }], date: new Date(0), map: new Map([[1, [2]]]), set: new Set([1]), bytes: new Uint8Array([1, 2]),
      pattern: /a/g, error: new TypeError('x', { cause: new Error('y') }), buffer: new ArrayBuffer(2), nothing: Object.create(null),
      aggregate: new AggregateError([new Error('z')]), big: 2n, shared: (() => { const a = {}; return [a, a] })()
    })`)
    const [{ error, aggregate, shared, ...rest }] = decode(encode([foreign])) as [Record<string, unknown>]
    expect(rest).toStrictEqual({
      list: [1, { b: 2 }],
      date: new Date(0),
      map: new Map([[1, [2]]]),
      set: new Set([1]),
      bytes: new Uint8Array([1, 2]),
      pattern: /a/g,
      buffer: new ArrayBuffer(2),
      nothing: Object.create(null),
      big: 2n,
    })
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).cause).toBeInstanceOf(Error)
    expect(aggregate).toBeInstanceOf(AggregateError)
    const [first, second] = shared as unknown[]
    expect(first).toBe(second)
    // A class in that realm is as unknown as one in this realm, also one that takes the name of a known one.
    for (const made of [
      'new (class Map extends globalThis.Map {})()',
      'new (class Error {})()',
      'new (class A {})()',
    ]) {
      expect(() => encode([runInNewContext(made)])).toThrow('an instance of')
    }
  })

  it('keep what a getter returns', () => {
    const value = {
      get full() {
        return { name: 'x' }
      },
    }
    expect(decode(encode([value]))).toStrictEqual([{ full: { name: 'x' } }])
  })

  it('store plain data that is shared once', () => {
    const product = { name: 'x'.repeat(5000), tags: ['a'] }
    const cart = Array.from({ length: 100 }, (_, i) => ({ count: i, product }))
    const text = encode([cart], 20_000)
    const [stored] = decode(text) as [typeof cart]
    expect(stored).toStrictEqual(cart)
    expect(new Set(stored.map((line) => line.product)).size).toBe(1)
    // JSON would have a million objects.
    let pair: unknown = { end: true }
    for (let i = 0; i < 21; i++) pair = [pair, { pair }]
    expect(encode([pair], 10_000).length).toBeLessThan(10_000)
    // Text that is repeated is stored once as well, where JSON would not fit.
    const texts = Array.from({ length: 100 }, () => product.name)
    expect(decode(encode([texts], 20_000))).toStrictEqual([texts])
  })

  it('keep a value however deep it is', () => {
    let deep: unknown = 'end'
    for (let i = 0; i < 200_000; i++) deep = i % 3 === 0 ? [deep] : i % 3 === 1 ? { deep } : new Map([[1, deep]])
    let [value] = decode(encode([deep]))
    for (let i = 199_999; i >= 0; i--) {
      if (i % 3 === 0) value = (value as [unknown])[0]
      else value = i % 3 === 1 ? (value as { deep: unknown }).deep : (value as Map<number, unknown>).get(1)
    }
    expect(value).toBe('end')
  })

  it('read what earlier releases have stored', () => {
    const old =
      '~[["array",1,3,5,6,9,11,13],["error","HttpError","no","at x",2],["error","TypeError","why","at y"],["object","a",4],["undefined"],' +
      '["array",4,12,7],["map",7,8],1,["date",5],["set",7,10],["bigint","7"],["bytes","Buffer","AQ=="],["hole"],["number","-0"]]'
    const [error, object, sparse, map, set, bytes, zero] = decode(old) as [Error, ...unknown[]]
    expect([error.name, error.message, error.stack]).toEqual(['HttpError', 'no', 'at x'])
    expect(error.cause).toBeInstanceOf(TypeError)
    expect(object).toStrictEqual({ a: undefined })
    // biome-ignore lint/suspicious/noSparseArray: a hole was stored
    expect(sparse).toStrictEqual([undefined, , 1])
    expect(map).toStrictEqual(new Map([[1, new Date(5)]]))
    expect(set).toStrictEqual(new Set([1, 7n]))
    expect(bytes).toStrictEqual(Buffer.from([1]))
    expect(zero).toBe(-0)
  })

  it('write plain JSON where JSON can express the arguments', () => {
    expect(encode(['a@b.c', { id: 7 }])).toBe('["a@b.c",{"id":7}]')
  })

  it('keep arbitrary values', () => {
    const value = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withObjectString: true,
    })
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (args) => {
        expect(decode(encode(args))).toStrictEqual(args)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['a function', [{ user: { onDone: () => {} } }], '[0].user.onDone'],
    ['a symbol', ['a', [Symbol('s')]], '[1][0]'],
    ['an instance of Account', [{ list: [new (class Account {})()] }], '[0].list[0]'],
    ['an instance of Promise', [Promise.resolve()], '[0]'],
    ['an instance of Money', [new (class Money extends Map<number, number> {})([[1, 2]])], '[0]'],
    ['an instance of List', [[1, class List extends Array {}.from([1])]], '[0][1]'],
    ['an instance of Day', [{ day: new (class Day extends Date {})(0) }], '[0].day'],
    ['an instance of Tags', [new (class Tags extends Set {})()], '[0]'],
    ['an instance of Packet', [new (class Packet extends Uint8Array {})(2)], '[0]'],
    ['an instance of Link', [new (class Link extends URL {})('http://a')], '[0]'],
    ['an instance of Later', [class Later extends Promise<void> {}.resolve()], '[0]'],
    ['an instance of HttpError', [{ error: new (class HttpError extends Error {})('no') }], '[0].error'],
    [
      'an instance of HttpError',
      [new Error('no', { cause: new (class HttpError extends TypeError {})('x') })],
      '[0].cause',
    ],
    ['an instance of String', [new String('boxed')], '[0]'],
    ['an instance of Map', [Object.create(Map.prototype)], '[0]'],
    ['an instance of DataView', [new DataView(new ArrayBuffer(2))], '[0]'],
    ['an instance of SharedArrayBuffer', [new SharedArrayBuffer(2)], '[0]'],
    ['memory that threads share', [new Uint8Array(new SharedArrayBuffer(2))], '[0]'],
    ['an instance of Blob', [new Blob(['x'])], '[0]'],
    ['an instance of Headers', [new Headers()], '[0]'],
    ['a function', [Object.assign([1], { go() {} })], '[0].go'],
    ['a function', [Object.assign(new Error('x'), { retry() {} })], '[0].retry'],
    ['a property named by a symbol', [Object.assign(new Map(), { [Symbol('s')]: 1 })], '[0]'],
    ['a function', [Object.defineProperty({}, 'go', { value() {} })], '[0].go'],
    [
      'a value that can not be read',
      [
        {
          a: {
            get b() {
              throw new Error('no')
            },
          },
        },
      ],
      '[0].a',
    ],
    ['an instance of WeakMap', [new WeakMap()], '[0]'],
    ['a property named by a symbol', [{ a: { [Symbol('s')]: 1 } }], '[0].a'],
    ['a function', [new Map([['k', () => {}]])], '[0]<value 0>'],
  ])('refuse %s and name its path', (what, args, path) => {
    expect(() => encode(args)).toThrow(expect.objectContaining({ what, path }))
  })

  it('refuse a revoked proxy, and an ArrayBuffer that was transferred', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(() => encode([[proxy]])).toThrow('a value that can not be read at [0][0]')
    const buffer = new ArrayBuffer(8)
    structuredClone(buffer, { transfer: [buffer] })
    expect(() => encode([buffer])).toThrow('an ArrayBuffer that was transferred at [0]')
  })

  it('name the end of a path that is long', () => {
    let deep: unknown = () => {}
    for (let i = 0; i < 100_000; i++) deep = { next: deep }
    const error = caught(() => encode([deep])) as { path: string }
    expect(error.path).toMatch(/^…(.*\.next){20,}$/)
    expect(error.path.length).toBeLessThan(210)
  })

  it.each<[string, () => unknown]>([
    ['a list with an item far away', () => Object.assign([], { 400000000: 1 })],
    ['the longest list', () => huge],
    ['a list that was made long', () => Object.assign([], { length: 1e9 })],
    ['a long list', () => new Array(3e7)],
    [
      'a list that poses as long',
      () => new Proxy([], { get: (target, key) => (key === 'length' ? 1e9 : Reflect.get(target, key)) }),
    ],
    [
      'an object with many properties',
      () => Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, i])),
    ],
    ['a huge text', () => 'x'.repeat(2 ** 29 - 24)],
    ['a huge text as a key', () => ({ ['x'.repeat(3e8)]: 1 })],
    ['a huge text in a map', () => new Map([['a', 'x'.repeat(3e8)]])],
    ['a huge message', () => new Error('x'.repeat(3e8))],
    ['a huge buffer', () => new ArrayBuffer(4e8)],
    ['huge bytes', () => new Float64Array(5e7)],
    ['a huge bigint', () => 1n << 100_000_000n],
    [
      'an object that goes on',
      () => {
        const endless = (): object =>
          new Proxy(
            {},
            {
              ownKeys: () => ['a'],
              getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
              get: endless,
            },
          )
        return endless()
      },
    ],
  ])('refuse %s before it is looked at', (_name, make) => {
    expect(() => encode([make()], 262_144)).toThrow(/take at least \d+ bytes/)
  })

  it('read no more properties of an object than fit', () => {
    const read: string[] = []
    const names = Array.from({ length: 100 }, (_, n) => `${n}${'.'.repeat(100)}`)
    const value = Object.defineProperties(
      {},
      Object.fromEntries(names.map((name) => [name, { enumerable: true, get: () => read.push(name) }])),
    )
    expect(() => encode([value], 1000)).toThrow('The arguments take at least 1001 bytes')
    expect(read.length).toBeLessThan(10)
  })

  it('ask no toJSON that a library has given to all lists', () => {
    const lists = Array.prototype as { toJSON?: unknown }
    lists.toJSON = () => 'wrong'
    try {
      expect(encode([1, { a: [2] }])).toBe('~[["array",1,2],1,["object","a",3],["array",4],2]')
    } finally {
      delete lists.toJSON
    }
  })

  it('touch no prototype, for any stored text', () => {
    const [value] = decode(
      encode([JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}')]),
    )
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as { polluted?: true }).polluted).toBeUndefined()
    expect(() => decode('~[["array",1],["function","alert(1)"]]')).toThrow('unknown kind "function"')
    expect(() => decode('~[["array",1],["bytes","constructor",""]]')).toThrow('unknown kind "constructor"')
    expect(() => decode('~[["array",1],["error","constructor","a","b"]]')).not.toThrow()
    expect(() => decode('~[["array",1]]')).toThrow('a reference to no value')
    expect(() => decode('~[["array","__proto__"]]')).toThrow('a reference to no value')
    expect(() => decode('~[["array",1],{"a":1}]')).toThrow('an entry that is an object')
    expect(() => decode('~[["array",1],["extended",1]]')).toThrow('such an object')
    expect(() => decode('{}')).toThrow('not a list')
  })
})
