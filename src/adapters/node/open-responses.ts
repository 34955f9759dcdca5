import type { Socket } from 'node:net'

/** A response that shares its connection with others. */
export interface OpenResponse {
  /** The connection is about to tell its responses that it was closed. */
  disconnecting(): void
  /** The connection was closed, and with it a response that was not sent. */
  disconnected(): void
  /** Lets go of the request and the response if the response was sent. @returns false if it was not */
  letGo(): boolean
}

/** The key of the open responses, on the socket: another copy of the package finds them there. */
const openResponses = Symbol.for('afterword.open-responses')
type OpenSocket = Socket & { [openResponses]?: OpenResponse[] }

/**
 * Notes the next response of a connection. Those before it that were sent are let go: what their handlers have left behind, such as a timer,
 * keeps their scope, but no request. One listener serves all responses: one that was never written gets no event of its own.
 */
export function open(socket: OpenSocket, response: OpenResponse): void {
  const responses = socket[openResponses]
  if (responses === undefined) {
    socket[openResponses] = [response]
    socket.prependListener?.('close', onClosing)
    socket.once?.('close', onClose)
    return
  }
  while (responses[0]?.letGo()) responses.shift()
  responses.push(response)
}

/** No other response of the connection stands behind that one. */
export function isLatest(socket: object, response: unknown): boolean {
  return (socket as OpenSocket)[openResponses]?.at(-1) === response
}

function onClosing(this: OpenSocket): void {
  for (const response of this[openResponses] ?? []) response.disconnecting()
}

function onClose(this: OpenSocket): void {
  for (const response of this[openResponses]?.splice(0) ?? []) {
    response.disconnected()
    response.letGo()
  }
}
