import type { StageAnswer } from '../../src/testing/stage.ts'

/** A response for frameworks that take the web's. */
export function response({ status, body }: StageAnswer): Response {
  return new Response(typeof body === 'string' ? body : stream(body), { status })
}

/** `ReadableStream.from`, which not every runtime has. */
function stream(chunks: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(new TextEncoder().encode(value))
    },
  })
}
