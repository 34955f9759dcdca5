import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode, encode } from '../../src/journal/format/encoding.ts'

const cyclic: Record<string, unknown> = { name: 'ring' }
cyclic.self = cyclic
cyclic.list = [cyclic, new Map([[cyclic, new Set([cyclic])]])]
const shared = { a: 1 }

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
}

describe('encode() and decode()', () => {
  it.each(Object.entries(faithful))('keep %s', (_name, value) => {
    expect(decode(encode([value]))).toStrictEqual([value])
  })

  it('keep shared references', () => {
    const [a, b] = decode(encode([shared, [shared], undefined])) as [unknown, unknown[]]
    expect(b[0]).toBe(a)
  })

  it('keep the message, name, stack and cause of an error', () => {
    const error = new TypeError('no', { cause: new Error('why') })
    const [stored] = decode(encode([error])) as [TypeError & { cause: Error }]
    expect(stored).toBeInstanceOf(Error)
    expect([stored.name, stored.message, stored.stack]).toEqual(['TypeError', 'no', error.stack])
    expect(stored.cause.message).toBe('why')
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
    ['an instance of WeakMap', [new WeakMap()], '[0]'],
    ['a property named by a symbol', [{ a: { [Symbol('s')]: 1 } }], '[0].a'],
    ['a function', [new Map([['k', () => {}]])], '[0]<value 0>'],
  ])('refuse %s and name its path', (what, args, path) => {
    expect(() => encode(args)).toThrow(expect.objectContaining({ what, path }))
  })

  it('refuse a value that is nested too deeply, without ending the process', () => {
    let deep: unknown = 1
    for (let i = 0; i < 200_000; i++) deep = [deep]
    expect(() => encode([deep])).toThrow('nested too deeply')
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
    expect(() => decode('{}')).toThrow('not a list')
  })
})
