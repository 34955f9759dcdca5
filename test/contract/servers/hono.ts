import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { afterword } from '../../../src/adapters/hono.ts'
import { response } from '../response.ts'
import { listening, stage, usesAdapter } from '../stage.ts'

const app = new Hono<{ Bindings: HttpBindings }>()
if (usesAdapter) app.use(afterword())
app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text('broken', 500)))
app.all('*', async (c) => {
  const httpError = (status: number) => new HTTPException(status as 418)
  return response(await stage.play(c.req.path, { res: c.env?.outgoing, address: c, httpError }))
})

const { Bun, Deno } = globalThis as {
  Bun?: { serve(options: object): { port: number } }
  Deno?: { serve(options: object, fetch: (request: Request) => unknown): { addr: { port: number } } }
}
if (Bun !== undefined) listening(Bun.serve({ port: 0, fetch: app.fetch }).port)
else if (Deno !== undefined) listening(Deno.serve({ port: 0, onListen() {} }, app.fetch).addr.port)
else {
  const server = createAdaptorServer({ fetch: app.fetch })
  server.listen(0, '127.0.0.1', () => listening((server.address() as AddressInfo).port))
}
