import { setImmediate } from '../../clock.ts'

/** The most bytes of a body that stays one piece, if it is there at once: the host then knows its length. */
const onePiece = 65_536

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** A tracker of a body. */
interface BodyTracker {
  /** Called before the next bytes, or the end, which wait for the promise. If it rejects, they are not sent. */
  stored(): Promise<unknown> | undefined
  /** Called once, with `false` if the body broke off. */
  ended(whole: boolean): void
}

/**
 * Makes the same response, whose body tells when the host has taken its last byte; `undefined` if there is no body. Rejects as `stored` does while
 * nothing was sent.
 */
export async function trackBody(response: Response, follower: BodyTracker): Promise<Response | undefined> {
  // Before the body is asked for: Bun then forgets a type that the body has brought along.
  const headers = new Headers(Bun && response.headers)
  if (impliesType(response)) {
    const bytes = new Uint8Array(await response.clone().arrayBuffer())
    if (bytes.length <= onePiece) {
      await follower.stored()
      follower.ended(true)
      return response
    }
    headers.set('content-type', typeOf(bytes))
  }
  if (response.body === null) return undefined
  // A host may have properties of its own in its responses: the response itself is their best copy.
  const init = Bun === undefined ? response : { status: response.status, statusText: response.statusText, headers }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  let whole = false
  let pending: ReturnType<Reader['read']> | undefined
  const turn = new Promise<'late'>((resolve) => setImmediate(resolve, 'late'))
  while (size <= onePiece && !whole) {
    pending = reader.read()
    const read = await Promise.race([pending, turn]).catch(() => 'late' as const)
    if (read === 'late') break
    whole = read.done
    if (read.value !== undefined) chunks.push(read.value)
    size += read.value?.byteLength ?? 0
    pending = undefined
  }
  await follower.stored()
  // Bun gives a piece a type where the headers have none, and a stream none.
  const isStream = !whole || (Bun !== undefined && !headers.has('content-type'))
  if (isStream) return new Response(track(reader, chunks, pending, follower), init)
  follower.ended(true)
  return new Response(joined(chunks, size), init)
}

/** Joins bytes to one array: Deno knows the length of that, and none of a blob. */
function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

const { Bun } = globalThis as { Bun?: { inspect(value: unknown): string } }

/**
 * Bun sends a text and bytes with a type that is no entry of the headers, and sends the one for bytes once somebody has asked for the body.
 * Only the text that describes such a response tells that its body is no stream.
 */
function impliesType(response: Response): boolean {
  return (
    Bun !== undefined && !response.headers.has('content-type') && /\bBlob \([^()]*\)\n\}$/.test(Bun.inspect(response))
  )
}

/** The type that Bun gives to a text, or to bytes. */
function typeOf(bytes: Uint8Array): string {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return 'text/plain;charset=utf-8'
  } catch {
    return 'application/octet-stream'
  }
}

function track(
  reader: Reader,
  chunks: Uint8Array[],
  pending: ReturnType<Reader['read']> | undefined,
  follower: BodyTracker,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift()
      if (chunk !== undefined) return controller.enqueue(chunk)
      try {
        const { done, value } = await (pending ?? reader.read())
        pending = undefined
        await follower.stored()
        if (!done) return controller.enqueue(value)
        controller.close()
        follower.ended(true)
      } catch (error) {
        controller.error(error)
        follower.ended(false)
      }
    },
    cancel(reason) {
      follower.ended(false)
      return reader.cancel(reason)
    },
  })
}
