/**
 * A response as it was when it was sent.
 *
 * @example
 * defer.with({ when: ({ status, delivered }) => delivered && status === 201 })(track, 'signup')
 */
export interface SentResponse {
  readonly method: string
  /** The path without its query, which may hold secrets. */
  readonly path: string
  /** The status code; 0 where the process ended before the response was sent, and another process runs a job of it. */
  readonly status: number
  /** The client was still there when the last byte left. */
  readonly delivered: boolean
  /** The client, or the handler, broke the response off. */
  readonly aborted: boolean
}
