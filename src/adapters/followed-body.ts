/** A body that is there at once and no larger than this stays one piece: the host then knows its length. In bytes. */
const onePiece = 65_536

type Reader = ReadableStreamDefaultReader<Uint8Array>

/**
 * The same response, whose body tells when its last byte was taken by the host.
 * @param ended is called once, with `false` if the body broke off
 */
export async function followBody(response: Response, ended: (whole: boolean) => void): Promise<Response> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  let pending: ReturnType<Reader['read']> | undefined
  const turn = new Promise<'late'>((resolve) => setImmediate(resolve, 'late'))
  while (size <= onePiece) {
    pending = reader.read()
    const read = await Promise.race([pending, turn]).catch(() => 'late' as const)
    if (read === 'late') break
    if (read.done) {
      ended(true)
      return new Response(new Blob(chunks as Uint8Array<ArrayBuffer>[]), response)
    }
    chunks.push(read.value)
    size += read.value.byteLength
    pending = undefined
  }
  return new Response(follow(reader, chunks, pending, ended), response)
}

function follow(
  reader: Reader,
  chunks: Uint8Array[],
  pending: ReturnType<Reader['read']> | undefined,
  ended: (whole: boolean) => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift()
      if (chunk !== undefined) return controller.enqueue(chunk)
      try {
        const { done, value } = await (pending ?? reader.read())
        pending = undefined
        if (!done) return controller.enqueue(value)
        controller.close()
        ended(true)
      } catch (error) {
        controller.error(error)
        ended(false)
      }
    },
    cancel(reason) {
      ended(false)
      return reader.cancel(reason)
    },
  })
}
