import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../src/adapters/node-http.ts'
import type { Afterword } from '../../src/index.ts'

/** A real server in the test's own process, on a port of its own. */
export interface LocalSite extends AsyncDisposable {
  readonly url: string
  /** The body of the answer to a GET. */
  get(path?: string): Promise<string>
}

export async function serve(afterword: Afterword, listener: RequestListener): Promise<LocalSite> {
  const server = createServer(listener)
  attach(server, afterword)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    get: async (path = '/') => (await fetch(url + path)).text(),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
