import { withAfterword } from '../../../src/adapters/fetch.ts'
import { configure, job } from '../../../src/index.ts'

// A fetch handler with a journal, on a disk with room for small records only. Arguments: the folder of the journal.
configure({ journal: String(process.argv[2]) })
const Keep = job('keep', (_text: string) => {})

const little = 'little'
const much = 'much'.repeat(60_000)

/** Resolves when the client asks for `/go`. */
const gone = Promise.withResolvers<void>()

const fetch = withAfterword(async (request: Request, _host: unknown) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/go') gone.resolve()
  Keep.defer(pathname === '/whole' || pathname === '/pieces' ? much : little)
  const headers = { 'x-done': 'yes' }
  if (pathname === '/pieces') return new Response(new Blob(['kept']).stream(), { headers })
  if (pathname === '/amid') return new Response(amid(), { headers })
  return new Response('kept', { headers })
})

/** A body in whose midst a job is deferred. */
function amid(): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode('ke'))
      await gone.promise
      Keep.defer(much)
      controller.enqueue(encoder.encode('pt'))
      controller.close()
    },
  })
}

const { Bun, Deno } = globalThis as {
  Bun?: { serve(options: object): { port: number } }
  Deno?: { serve(options: object, fetch: unknown): { addr: { port: number } } }
}
console.log(
  `listening ${Bun?.serve({ port: 0, fetch }).port ?? Deno?.serve({ port: 0, onListen() {} }, fetch).addr.port}`,
)
