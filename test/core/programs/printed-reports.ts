import { batch, defer, job, waitUntil } from '../../../src/index.ts'

// Tasks that fail with what nobody should throw, and one that fails very often. Nobody listens to reports: they are printed.
process.on('uncaughtException', (_error, origin) => console.log(`uncaught: ${origin}`))

const gotcha = () => {
  throw new Error('gotcha')
}
const odd: Record<string, () => unknown> = {
  'stack-symbol': () => Object.assign(new Error('no luck'), { stack: Symbol('s') }),
  'stack-number': () => Object.assign(new Error('no luck'), { stack: 42 }),
  'stack-object': () => Object.assign(new Error('no luck'), { stack: {} }),
  'stack-throws': () => Object.defineProperty(new Error('no luck'), 'stack', { get: gotcha }),
  'message-throws': () => Object.defineProperty(new Error('no luck'), 'message', { get: gotcha }),
  'text-throws': () => ({ toString: gotcha }),
  'inspect-throws': () => ({ [Symbol.for('nodejs.util.inspect.custom')]: gotcha }),
  'proxy-throws': () => new Proxy(new Error('no luck'), { get: gotcha, getPrototypeOf: gotcha, has: gotcha }),
  nothing: () => undefined,
}
const outcomes: string[] = []
for (const [name, make] of Object.entries(odd)) {
  const fail = () => {
    throw make()
  }
  const failed = [
    defer.with({ name, retries: 1, backoff: 1 })(fail),
    defer.with({ name })(async () => fail()),
    job(`job-${name}`, fail, { retries: 0 }).defer(),
    batch(`batch-${name}`, fail, { size: 1, retries: 0 }).defer('item'),
  ]
  waitUntil(Promise.reject(make()))
  for (const { outcome } of failed) outcomes.push((await outcome).status)
}
console.log(JSON.stringify(outcomes))

const evil = '\x1b[2J\x1b]0;pwned\x07\r\x9b2K'
await defer.with({ name: `name ${evil}\nfake line` })(() => Promise.reject(new Error(`message ${evil}\n\tsecond line`)))
  .outcome
await defer.with({ name: 'text' })(() => Promise.reject(evil)).outcome

async function often(): Promise<void> {
  throw Object.assign(new Error('no luck'), { code: 'E_OFTEN' })
}
for (let i = 0; i < 2000; i++) defer(often)
