import { AfterwordError } from '../errors.ts'
import type { EngineCall, EngineClient } from './engine.ts'
import { plainError } from './plain-error.ts'

/**
 * The answer to a call that was to be added: the id of the call that stands for it, the error of one that the engine refuses, or `undefined` for
 * one that is to be added again.
 */
export type Added = string | AfterwordError | undefined

/**
 * Adds calls. The call that an engine refuses is looked for by halves, and is told apart from the others, which are added. Rejects where the
 * engine did not answer: nothing is known then of any of them, and all are to be added again.
 * @param name that of the engine
 */
export async function addCalls(name: string, client: EngineClient, calls: readonly EngineCall[]): Promise<Added[]> {
  try {
    const ids = await client.add(calls)
    if (ids.length === calls.length) return [...ids]
    throw new Error(`the client has answered with ${ids.length} ids for ${calls.length} calls`)
  } catch (error) {
    if (!client.refuses?.(error)) throw error
    if (calls.length === 1) return [refusalOf(name, calls[0] as EngineCall, error as Error)]
    const half = Math.ceil(calls.length / 2)
    const first = await addCalls(name, client, calls.slice(0, half))
    return [...first, ...(await addCalls(name, client, calls.slice(half)))]
  }
}

/** Makes the error of a call that the engine refuses. @param error what the engine's library has thrown */
export function refusalOf(name: string, { job, id }: EngineCall, error: Error): AfterwordError {
  const cause = plainError(error)
  return new AfterwordError('AFTERWORD_CALL_REFUSED', [name, job, id, cause.message], { cause })
}
