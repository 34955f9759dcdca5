/** The output of a stream of events. */
export interface StreamOutput {
  /** Writes a text. @returns false where the client reads so slowly that the text would fill the memory: the stream is to be ended */
  write(text: string): boolean
  end(): void
  /** Breaks the stream off. */
  destroy(): void
}

/** An answer, whichever way a framework sends it. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Begins a stream. @returns a function that is called once, when the stream has ended, whoever ended it */
  readonly stream?: (output: StreamOutput) => () => void
}

/** The most bytes of a stream that wait for a slow client. */
export const mostWaiting = 4 * 2 ** 20
