import type { SentResponse } from '../../sent-response.ts'
import { decode } from './encoding.ts'

/** Notes on a record, which are stored behind its options. */
export interface Notes {
  /** The response on which the `when` of the record depends. */
  readonly response?: SentResponse | undefined
  /** The moment by `Date.now()` after which the record does not run. */
  readonly expiresAt?: number | undefined
  /** The text of the error of the last attempt. */
  readonly error?: string | undefined
  /** The unique key, for an engine to which the record goes on: the column may have it hashed. */
  readonly key?: string | undefined
}

/** Reads notes: what is no note is left out. Throws an error where the text is none that was encoded. */
export function readNotes(text: string): Notes {
  const [notes] = decode(text) as [Partial<Record<keyof Notes, unknown>> | null | undefined]
  const { response, expiresAt, error, key } = notes ?? {}
  return {
    ...(typeof response === 'object' && response !== null && { response: sentResponse(response) }),
    ...(typeof expiresAt === 'number' && { expiresAt }),
    ...(typeof error === 'string' && { error }),
    ...(typeof key === 'string' && { key }),
  }
}

function sentResponse({ method, path, status, delivered, aborted }: Partial<SentResponse>): SentResponse {
  return {
    method: String(method),
    path: String(path),
    status: Number(status),
    delivered: delivered === true,
    aborted: aborted === true,
  }
}
