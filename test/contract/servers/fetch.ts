import { withAfterword } from '../../../src/adapters/fetch.ts'
import { response } from '../response.ts'
import { listening, stage } from '../stage.ts'

const fetch = withAfterword(async (request: Request, _host: unknown) =>
  response(await stage.play(new URL(request.url).pathname, { address: request })),
)
const failed = () => new Response('broken', { status: 500 })

const { Bun, Deno } = globalThis as {
  Bun?: { serve(options: object): { port: number } }
  Deno?: { serve(options: object, fetch: unknown): { addr: { port: number } } }
}
if (Bun !== undefined) listening(Bun.serve({ port: 0, fetch, error: failed }).port)
if (Deno !== undefined) listening(Deno.serve({ port: 0, onListen() {}, onError: failed }, fetch).addr.port)
