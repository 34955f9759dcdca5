import type { MessagePort } from 'node:worker_threads'
import { setImmediate } from '../clock.ts'
import type { Ending, EndSignal } from './ending.ts'

// Signals do not reach worker threads (https://nodejs.org/api/process.html#signal-events): the main thread passes them on.

/** The key of the port in the message by which a worker thread joins in. */
const key = 'afterword:end'

/** The answer of a worker thread that has ended its parts. */
interface Answer {
  readonly kept: boolean
  readonly timeout: number
}

/** Finds the module where there is one: it is not loaded on runtimes that have none. */
function threads() {
  return process.getBuiltinModule?.('node:worker_threads')
}

/** The code runs in a worker thread. */
export function inWorkerThread(): boolean {
  return threads()?.isMainThread === false
}

/** Takes in the worker threads that join, in the main thread. */
export function acceptThreads(add: (ending: Ending) => void, remove: (ending: Ending) => void): void {
  process.on('workerMessage', (message: unknown) => {
    const port = (message as { [key]?: MessagePort } | null)?.[key]
    if (port === undefined) return
    const thread = new ThreadEnding(port)
    add(thread)
    port.on('close', () => remove(thread))
    port.unref()
  })
}

/**
 * Joins the end of the process, in a worker thread.
 * @param end ends the parts of the thread
 * @returns false if the main thread has not loaded this package
 */
export async function joinMainThread(end: (signal: EndSignal) => Promise<Answer>): Promise<boolean> {
  const module = threads()
  if (module?.postMessageToThread === undefined) return true
  const { port1, port2 } = new module.MessageChannel()
  port1.on('message', (signal: EndSignal) => void end(signal).then((answer) => port1.postMessage(answer)))
  port1.unref()
  try {
    await module.postMessageToThread(0, { [key]: port2 }, [port2])
    return true
  } catch {
    port1.close()
    return false
  }
}

/** A worker thread, as the main thread sees it. */
class ThreadEnding implements Ending {
  readonly isNeeded = true
  readonly serves = true
  timeout = 0
  waitsFor: string | undefined
  readonly #port: MessagePort

  constructor(port: MessagePort) {
    this.#port = port
  }

  end(signal: EndSignal): Promise<boolean> {
    this.waitsFor = 'a worker thread'
    return new Promise((resolve) => {
      const ended = ({ kept, timeout }: Answer) => {
        this.timeout = timeout
        this.waitsFor = undefined
        // What the thread has printed comes by a way of its own.
        setImmediate(() => setImmediate(resolve, kept))
      }
      this.#port.on('message', ended)
      this.#port.on('close', () => ended({ kept: true, timeout: 0 }))
      this.#port.postMessage(signal)
    })
  }
}
