import { type Answer, mostWaiting, type StreamOutput } from './answer.ts'
import { type Call, splitUrl } from './call.ts'

/** Makes a call of a request of the fetch API. @param request the request for `authorize` @param peer the other end of the connection */
export function fetchCall(from: Request, request: unknown, peer: string | undefined): Call {
  return {
    ...splitUrl(from.url),
    method: from.method,
    peer,
    httpVersion: undefined,
    // Only a request of Next has that.
    mayEncode: !('nextUrl' in from),
    request,
    header: (name) => from.headers.get(name) ?? (name === 'host' ? new URL(from.url).host : undefined),
    body: (most) => readBody(from, most),
  }
}

async function readBody({ body }: Request, most: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Makes a response of an answer. */
export function fetchResponse({ status, headers, body, stream }: Answer, isHead: boolean): Response {
  const init = { status, headers }
  if (isHead) return new Response(null, init)
  return new Response(stream === undefined ? ((body as string | undefined) ?? null) : streamOf(stream), init)
}

/** Makes a body of a stream of events. */
function streamOf(begin: NonNullable<Answer['stream']>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let ended = () => {}
  let isOpen = true
  const over = () => {
    if (!isOpen) return
    isOpen = false
    ended()
  }
  return new ReadableStream(
    {
      start(controller) {
        const output: StreamOutput = {
          write: (text) => {
            if (!isOpen) return false
            controller.enqueue(encoder.encode(text))
            return (controller.desiredSize ?? 0) > 0
          },
          end: () => {
            if (isOpen) controller.close()
            over()
          },
          destroy: () => {
            if (isOpen) controller.error(new Error('The stream was broken off'))
            over()
          },
        }
        ended = begin(output)
      },
      cancel: over,
    },
    { highWaterMark: mostWaiting, size: (chunk) => chunk?.byteLength ?? 0 },
  )
}
