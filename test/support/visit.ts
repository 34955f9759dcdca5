import type { IncomingHttpHeaders } from 'node:http'

/** The request of a client. */
export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** True: more of the body is promised, and never comes. @default false */
  readonly endless?: boolean
  /** False: the body of the response is never read, so that most of it stays with the server. @default true */
  readonly read?: boolean
}

/** The answer that a client got. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly trailers: Readonly<Record<string, unknown>>
  /** The statuses of the informational responses ahead of it. */
  readonly informational: readonly number[]
  /** The body was not broken off. */
  readonly complete: boolean
}

/** One request of a client and what comes back. */
export interface Visit {
  /** Made when the client has the last byte, or is gone. */
  readonly mark: string
  /** The first sign of the server: an informational response, or a byte of the body. */
  readonly heard: Promise<void>
  /** Never rejects: what is broken off is not `complete`. */
  readonly answer: Promise<Answer>
  /** Breaks this visit off as a client does that lost interest; `reset`: as a network does. */
  leave(how: 'close' | 'reset'): Promise<unknown>
}

/** Puts an answer together from what a client hears. */
export class Hearing {
  status = 0
  headers: IncomingHttpHeaders = {}
  trailers: Record<string, unknown> = {}
  readonly informational: number[] = []
  readonly #chunks: Buffer[] = []
  readonly #heard = Promise.withResolvers<void>()

  get heard(): Promise<void> {
    return this.#heard.promise
  }

  inform(status: number): void {
    this.informational.push(status)
    this.#heard.resolve()
  }

  readonly add = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#heard.resolve()
  }

  answer(complete: boolean): Answer {
    const { status, headers, trailers, informational } = this
    return { status, headers, trailers, informational, body: Buffer.concat(this.#chunks), complete }
  }
}
