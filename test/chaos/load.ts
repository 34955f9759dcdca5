import { openSync, writeSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { now } from '../crash/ledger.ts'
import { randoms } from '../crash/random.ts'
import type { Release } from './plan.ts'

/** The longest time of an answer, in ms: a disk may be stalled, a process stopped. */
const patience = 60_000

/** A server that can be asked, over one connection for each request in flight, or one for all. */
export class Address {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })
  #session: ClientHttp2Session | undefined

  constructor(port: number, isHttp2: boolean) {
    this.#port = port
    if (!isHttp2) return
    this.#session = connect(`http://127.0.0.1:${port}`)
    this.#session.on('error', () => {})
  }

  /** Resolves with the status of the answer; `undefined` if there was none, or not all of it. */
  ask(path: string): Promise<number | undefined> {
    return this.#session === undefined ? this.#ask(path) : this.#askHttp2(this.#session, path)
  }

  close(): void {
    this.#agent.destroy()
    this.#session?.destroy()
  }

  #ask(path: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(patience)
      request({ port: this.#port, path, host: '127.0.0.1', agent: this.#agent, signal }, (response) => {
        response.on('error', () => resolve(undefined)).resume()
        response.on('close', () => resolve(response.complete ? response.statusCode : undefined))
      })
        .on('error', () => resolve(undefined))
        .end()
    })
  }

  #askHttp2(session: ClientHttp2Session, path: string): Promise<number | undefined> {
    if (session.destroyed || session.closed) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      let status: number | undefined
      const stream = session.request({ ':path': path })
      stream.on('response', (headers) => (status = headers[':status']))
      stream.on('error', () => {}).on('close', () => resolve(stream.rstCode === 0 ? status : undefined))
      stream.setTimeout(patience, () => stream.close(8))
      stream.resume()
    })
  }
}

/** A call that was answered by a success: its job is promised to run. */
export interface Promised {
  readonly what: string
  /** The name of the process that has answered. */
  readonly by: string
  /** The moment of the request, by the clock of the ledger. */
  readonly asked: number
  readonly key: string | undefined
}

/** The kinds of calls, as often as they are here: a path's first part, and its query. */
const kinds: readonly [kind: string, query: string][] = [
  ...Array<[string, string]>(4).fill(['note', '']),
  ...Array<[string, string]>(3).fill(['nest', '']),
  ...Array<[string, string]>(2).fill(['note', 'dispatch']),
  ...Array<[string, string]>(2).fill(['key', 'more=single']),
  ...Array<[string, string]>(2).fill(['key', 'more=shared']),
  ['nest', 'dispatch'],
  ['key', 'dispatch&more=shared'],
  ['note', 'delay=1'],
  ['note', 'delay=700'],
  ['nest', 'delay=200'],
  ['retry', 'more=1'],
  ['retry', 'dispatch&more=2'],
  ['note', 'late'],
  ['nest', 'late'],
  ['slow', ''],
  ['slow', 'dispatch'],
  ['limited', ''],
  ['limited', 'dispatch'],
  ['rated', 'dispatch'],
  ['track', ''],
]
const sharedKeys = 5
/** The ms for which no process may serve, and the looks, two in each second, for which one may serve without an answer. */
const longestStart = 30_000
const mostLooks = 4
/** The kinds of calls that earlier releases have kept as well. */
const keptBy: Readonly<Record<Release, typeof kinds>> = {
  version1: kinds.filter(([kind, query]) => !['nest', 'key', 'track'].includes(kind) && query !== 'late'),
  version2: kinds.filter(([kind]) => kind !== 'track'),
  version3: kinds,
}

/** A place where the clients find the process that serves now. */
export interface Target {
  readonly name: string
  readonly address: Address | undefined
  /** No further process is started there. */
  readonly isOver: boolean
  /** The processes are of an earlier release, which keeps fewer kinds of calls. */
  readonly release: Release | undefined
  /** Resolves when another process serves, or this one is over. */
  readonly changed: Promise<void>
}

/** The clients of a round. What they asked for and what the answer was goes into a file of the ledger as well. */
export class Load {
  readonly promised: Promised[] = []
  refused = 0
  /** The answers that are neither a success nor a 503. */
  readonly odd: string[] = []
  readonly #seed: number
  readonly #file: number
  #next = 0
  #answers = 0
  #isOver = false
  #wanted = { count: Infinity, resolve: () => {} }

  constructor(seed: number, file: string) {
    this.#seed = seed
    this.#file = openSync(file, 'a')
  }

  /** Asks the process of a place, again and again, until the load or the place is over. */
  async run(target: Target): Promise<void> {
    while (!this.#isOver && !target.isOver) {
      const { address, changed, name } = target
      if (address === undefined) await changed
      else if (!(await this.#ask(address, name, target.release)))
        await Promise.race([changed, new Promise(setImmediate)])
    }
  }

  /**
   * Resolves when so many further requests have been answered, or when a process has served for 2 s: while a disk is stalled, nothing is
   * answered. A busy machine takes longer to start a process, which would be killed without having done anything.
   */
  async answers(count: number, isServing: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wanted = { count: this.#answers + count, resolve }
    const until = performance.now() + longestStart
    let looks = 0
    const timer = setInterval(() => {
      looks = isServing() ? looks + 1 : 0
      if (looks >= mostLooks || performance.now() > until) resolve()
    }, 500)
    await promise
    clearInterval(timer)
  }

  end(): void {
    this.#isOver = true
  }

  async #ask(address: Address, by: string, release: Release | undefined): Promise<boolean> {
    const n = this.#next++
    const random = randoms(this.#seed + n)
    const known = release === undefined ? kinds : keptBy[release]
    const [kind, query] = known[Math.floor(random() * known.length)] as [string, string]
    const what = `${kind}-${n}`
    const key = /more=(single|shared)/.exec(query)?.[1]
    const value = key === 'single' ? what : `shared-${Math.floor(random() * sharedKeys)}`
    const asked = now()
    const status = await address.ask(`/${kind}/${what}?${query.replace(/single|shared/, value)}`)
    writeSync(this.#file, `${JSON.stringify([what, query, by, asked, now(), status ?? null])}\n`)
    if (status === undefined) return false
    if (status === 200) this.promised.push({ what, by, asked, key: key === undefined ? undefined : value })
    else if (status === 503) this.refused++
    else this.odd.push(`${what} was answered ${status} by ${by}`)
    if (++this.#answers >= this.#wanted.count) this.#wanted.resolve()
    return true
  }
}
