import { encode } from '../../src/journal/format/encoding.ts'
import { kinds } from '../../src/journal/format/table-reader.ts'

/** Names that mean something to objects, and texts that mean something to the format. */
const names = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'valueOf',
    'hasOwnProperty',
    '__defineGetter__',
    'length',
    'then',
  ],
  ...[
    'toJSON',
    'name',
    'message',
    'stack',
    'cause',
    'errors',
    'lastIndex',
    'size',
    'get',
    'set',
    'value',
    'polluted',
    '0',
    '-1',
    '',
  ],
  ...[
    '+__proto__',
    '-__proto__',
    '+length',
    '-length',
    '+0',
    '-constructor',
    '+',
    '-',
    '+lastIndex',
    '+polluted',
    '~',
    '\u0000',
    '\ud800',
  ],
]
const entryKinds = [...kinds, 'extended', 'extended', 'function', '__proto__', '']
const classes = [
  'Error',
  'TypeError',
  'AggregateError',
  'Buffer',
  'Uint8Array',
  'Float64Array',
  'BigInt64Array',
  'ArrayBuffer',
  'DataView',
]
const numbers = [-1, 0.5, 1e9, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -0, 1e300]
const texts = [
  'AQ==',
  'AAAAAAAAAAA=',
  'http://a',
  'g',
  'gg',
  '(',
  '((a*)*)*b',
  '-0',
  'NaN',
  '1e999',
  '9'.repeat(400),
  'x',
]

const shared = { id: 1, tags: ['a'] }
const circle: Record<string, unknown> = { name: 'ring', at: new Date(0) }
circle.self = circle
/** Texts that are stored in earnest. */
const stored = [
  ['a@b.c', { id: 7, total: 19.95 }],
  [shared, shared, undefined, Number.NaN, 2n ** 70n],
  [circle, new Map<unknown, unknown>([[circle, new Set([circle, 1])]])],
  [
    Object.assign(new Error('no', { cause: new TypeError('why') }), { code: 'E' }),
    new AggregateError([new Error('x')], 'all'),
  ],
  [Buffer.from('bytes'), new Float64Array([1, 2]), new ArrayBuffer(8), /a+/g, new URL('http://a/b?c')],
  [
    Object.assign([1], { 5: 2, more: { a: 1 } }),
    Object.assign(Object.create(null), { __proto__: 1 }),
    AbortSignal.abort().reason,
  ],
].map((args) => encode(args))

/** Makes texts that somebody may have put into a file in place of stored arguments; the same ones for the same seed. */
export class HostileTexts {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  next(): string {
    switch (this.#below(6)) {
      case 0:
        return this.#changed(this.#of(stored))
      case 1:
        return this.#changed(this.#changed(this.#changed(this.#of(stored))))
      case 2:
        return Array.from({ length: this.#below(60) }, () =>
          String.fromCharCode(this.#below(this.#below(2) === 0 ? 128 : 65_536)),
        ).join('')
      case 3:
        return JSON.stringify([this.#json(0)])
      default:
        return `~${JSON.stringify([['array', ...this.#references(20)], ...Array.from({ length: this.#below(20) }, () => this.#entry())])}`
    }
  }

  #entry(): unknown {
    const way = this.#below(12)
    if (way === 0) return this.#of(numbers)
    if (way === 1) return this.#of([...names, true, null, {}, [], [[]], [null]])
    if (way === 2) return ['object', ...this.#references(6).flatMap((index) => [this.#of(names), index])]
    if (way === 3)
      return ['extended', this.#below(20), ...this.#references(6).flatMap((index) => [this.#of(names), index])]
    if (way === 4) return ['error', this.#of([...classes, ...names]), this.#of(names), this.#of(names), this.#below(20)]
    if (way === 5) return ['bytes', this.#of([...classes, ...names]), this.#of(texts)]
    return [this.#of(entryKinds), ...Array.from({ length: this.#below(6) }, () => this.#part())]
  }

  #part(): unknown {
    switch (this.#below(5)) {
      case 0:
        return this.#of(names)
      case 1:
        return this.#of(numbers)
      case 2:
        return this.#of<unknown>([...texts, ...classes, null, true, [], {}])
      default:
        return this.#below(22)
    }
  }

  #references(most: number): number[] {
    return Array.from({ length: this.#below(most) }, () => this.#below(22))
  }

  /** A value of JSON, with keys that name a prototype. */
  #json(depth: number): unknown {
    if (depth > 4 || this.#below(3) === 0) return this.#of<unknown>([...numbers, ...names, null, true])
    const items = Array.from({ length: this.#below(4) }, () => this.#json(depth + 1))
    if (this.#below(2) === 0) return items
    return Object.defineProperties(
      {},
      Object.fromEntries(items.map((value) => [this.#of(names), { value, enumerable: true, configurable: true }])),
    )
  }

  /** A text with a part left out, put in, replaced or doubled. */
  #changed(text: string): string {
    const from = this.#below(text.length + 1)
    const to = Math.min(text.length, from + this.#below(8))
    const part = this.#of([
      text.slice(from, to).repeat(2),
      '',
      '[',
      ']',
      '"',
      ',',
      '-1',
      '99',
      '{}',
      JSON.stringify(this.#of(names)),
      '"extended",',
      String.fromCharCode(this.#below(256)),
    ])
    return text.slice(0, from) + part + text.slice(to)
  }

  #of<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T
  }

  /** A random whole number below a limit: mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}
