import type { ServerHttp2Stream } from 'node:http2'

type Args = readonly [file: unknown, headers: unknown, options: unknown]

/** Node has checked all that it checks before a file is sent. */
class Passed extends Error {}

/**
 * Rehearses the response of a file: Node checks the call, and throws as it does, on a stand-in for the stream to which nothing happens.
 * @returns false if Node has destroyed the stream, as it does for headers that can't be sent
 */
export function rehearse(stream: ServerHttp2Stream, handleKey: symbol, name: string, args: Args): boolean {
  const [file, headers, options] = args
  const isPath = name === 'respondWithFile'
  const opensPath = isPath && (typeof file === 'string' || file instanceof Uint8Array || file instanceof URL)
  const checked = { ...(options as object) } as { statCheck?: unknown }
  // The check of the file's status comes later, and is the handler's.
  if (!isPath && typeof checked.statCheck === 'function') delete checked.statCheck
  // A path that is none is what Node finds last.
  const call = [opensPath ? nothing : file, headers, isObject(options) ? checked : options]
  try {
    const { [name]: method } = Object.getPrototypeOf(stream) as Record<string, (...args: unknown[]) => unknown>
    method?.apply(standIn(stream, handleKey), call)
    return !stream.destroyed
  } catch (error) {
    const isOpened = opensPath && (error as NodeJS.ErrnoException).code === 'ERR_INVALID_ARG_TYPE'
    if (error instanceof Passed || (isOpened && String(error).includes('"path"'))) return true
    throw error
  }
}

const nothing = {}

function standIn(stream: ServerHttp2Stream, handleKey: symbol): object {
  const handle = {
    respond() {
      throw new Passed()
    },
  }
  return new Proxy(stream, {
    get(target, key) {
      if (key === handleKey) return handle
      if (key === 'end') return () => {}
      const value = Reflect.get(target, key, target)
      if (typeof value === 'function') return value.bind(target)
      // Node notes in an object of the stream that the head has left.
      return typeof key === 'symbol' && key.description === 'state' ? { ...value } : value
    },
    set: () => true,
  })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
