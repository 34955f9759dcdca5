import type { Piscina } from 'piscina'
import { AfterwordError } from '../errors.ts'
import { load } from '../lazy-require.ts'
import { threadFile } from './thread-file.ts'

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
  pool ??= start(name)
  try {
    const piscina = await pool
    return { run: piscina.run.bind(piscina) }
  } catch (error) {
    pool = undefined
    throw error
  }
}

/** @throws AfterwordError `AFTERWORD_NO_PISCINA`, `AFTERWORD_BUNDLED` */
async function start(name: string): Promise<Piscina> {
  const { Piscina } = loadPiscina(name)
  const filename = workerFile(name)
  return new Piscina({ filename, minThreads: 0, maxThreads: threads, idleTimeout: 10_000 })
}

function loadPiscina(name: string): typeof import('piscina') {
  try {
    return load('piscina', import.meta.url)
  } catch (cause) {
    throw new AfterwordError('AFTERWORD_NO_PISCINA', [name], { cause })
  }
}

/** Finds the file of a thread, which some bundlers leave behind. */
function workerFile(name: string): string {
  try {
    const file = threadFile()
    process.getBuiltinModule('node:fs').accessSync(file)
    return file.href
  } catch (cause) {
    throw new AfterwordError('AFTERWORD_BUNDLED', [name], { cause })
  }
}
