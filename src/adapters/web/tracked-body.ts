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

/** Makes the same response, whose body tells when the host has taken its last byte. Rejects as `stored` does while nothing was sent. */
export async function trackBody(response: Response, follower: BodyTracker): Promise<Response> {
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
  if (!whole) return new Response(track(reader, chunks, pending, follower), response)
  follower.ended(true)
  return new Response(new Blob(chunks as Uint8Array<ArrayBuffer>[]), response)
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
