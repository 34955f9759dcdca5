import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../adapters/node-http.ts'
import type { Afterword } from '../afterword.ts'
import { subscribe } from '../events.ts'

/** The end of a call. */
export interface Ended {
  readonly id: string
  readonly attempt: number
  readonly status: string
}

/** Resolves with the ends of so many calls of a job, wherever in this process they run. */
export function ended(name: string, count = 1): Promise<Ended[]> {
  const seen: Ended[] = []
  return new Promise((resolve) => {
    const unsubscribe = subscribe('task:ended', ({ task, outcome }) => {
      // A call that goes elsewhere, or was not added, has not ended.
      if (task.name !== name || (outcome.status === 'cancelled' && outcome.reason !== 'expired')) return
      seen.push({ id: task.id, attempt: task.attempt, status: outcome.status })
      if (seen.length < count) return
      unsubscribe()
      resolve(seen)
    })
  })
}

/** Notes the codes of reports, which are not printed meanwhile. */
export function listen(): { readonly codes: string[] } & Disposable {
  const codes: string[] = []
  const unsubscribe = subscribe('report', ({ error }) => codes.push(error.code))
  return { codes, [Symbol.dispose]: unsubscribe }
}

/** A server on the loopback interface. */
export async function serve(
  afterword: Afterword,
  listener: RequestListener,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(listener)
  attach(server, afterword)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
