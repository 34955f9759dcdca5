import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { median } from '../statistics.ts'

const trips = 200
/** About as often as requests come together. */
const interval = 5

if (!isMainThread) parentPort?.on('message', (message) => parentPort?.postMessage(message))

/** Measures a message to a thread that waits, and one back, in ms: the least that a journal with a thread of its own can take. */
export async function measureRoundTrip(): Promise<number> {
  const thread = new Worker(new URL(import.meta.url))
  const times: number[] = []
  for (let i = 0; i < trips; i++) {
    await pause(interval)
    const began = performance.now()
    thread.postMessage(i)
    await once(thread, 'message')
    times.push(performance.now() - began)
  }
  await thread.terminate()
  return median(times)
}
