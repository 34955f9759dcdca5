import type { Piscina } from 'piscina'
import { AfterwordError } from '../errors.ts'
import { beside, load } from '../lazy-require.ts'

type Transfer = (...args: never[]) => readonly unknown[]

/** The most threads: as many as there are cores, less one for the thread of the requests. */
export const threads = Math.max(1, (globalThis.navigator?.hardwareConcurrency ?? 1) - 1)

/** The pool of threads for all thread jobs of the process. Threads start when they are needed and end when they are idle. */
let pool: Promise<Piscina> | undefined

/** Makes a handler that calls the default export of a module in a thread, with a structured clone of its arguments. */
export function inThread(name: string, module: URL, transfer: Transfer | undefined, signal: () => AbortSignal) {
  return async (...args: unknown[]): Promise<unknown> => {
    const { run } = await open(name)
    const ended = signal()
    const transferList = transfer?.(...(args as never[])) as never
    try {
      return await run({ module: module.href, args }, { signal: ended, transferList })
    } catch (error) {
      // The time of the task was up, and its thread was ended: the task has its outcome already.
      if (ended.aborted) return undefined
      throw error
    }
  }
}

async function open(name: string) {
  pool ??= start()
  try {
    const piscina = await pool
    return { run: piscina.run.bind(piscina) }
  } catch (cause) {
    pool = undefined
    throw new AfterwordError('AFTERWORD_NO_PISCINA', [name], { cause })
  }
}

async function start(): Promise<Piscina> {
  const { Piscina } = load<typeof import('piscina')>('piscina', import.meta.url)
  const filename = new URL(beside('./thread-worker', import.meta.url), import.meta.url).href
  return new Piscina({ filename, minThreads: 0, maxThreads: threads, idleTimeout: 10_000 })
}
