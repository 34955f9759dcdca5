import { EventEmitter } from 'node:events'
import { ownResponse } from '../../task/address.ts'
import type { ResponseGate } from '../../task/response.ts'

type Emit = (this: EventEmitter, event: string | symbol, ...args: unknown[]) => boolean

/** A response that is told what itself, or its stream, emits. */
export interface EmittingResponse {
  readonly gate?: ResponseGate
  /** The `emit` that another library has given to the request, and to the response or the stream. */
  requestEmit: Emit | undefined
  responseEmit: Emit | undefined
  /** Called before the listeners: one of them may throw. */
  emits(event: string | symbol): void
  /** Called after the listeners. */
  emitted?(event: string | symbol): void
}

type Emitter = EventEmitter & { [ownResponse]?: EmittingResponse }

const plainEmit = EventEmitter.prototype.emit as Emit

/** Makes the listeners of a request code of the request. */
export function scopeRequest(emitter: EventEmitter, response: EmittingResponse): void {
  if (emitter.emit === emitOfRequest) return
  if (emitter.emit !== plainEmit) response.requestEmit = emitter.emit as Emit
  emitter.emit = emitOfRequest
}

/**
 * Makes the listeners of a response, or of an HTTP/2 stream, code of the request, and tells the response of their events. It has no listeners
 * of ours, which an app would remove with its own (`removeAllListeners`).
 */
export function scopeResponse(emitter: EventEmitter, response: EmittingResponse): void {
  if (emitter.emit === emitOfResponse) return
  if (emitter.emit !== plainEmit) response.responseEmit = emitter.emit as Emit
  emitter.emit = emitOfResponse
}

/** Does the same for a response of HTTP/2's compatibility API, whose `finish` may come without the `close` of its stream (nodejs/node#56374). */
export function scopeCompat(emitter: EventEmitter, response: EmittingResponse): void {
  if (emitter.emit !== plainEmit) response.requestEmit = emitter.emit as Emit
  emitter.emit = emitOfCompat
}

// One function for all requests, and one for all responses: closures would cost each request more than all the rest of this.
function emitOfRequest(this: Emitter, ...args: [event: string | symbol, ...unknown[]]): boolean {
  const response = this[ownResponse] as EmittingResponse
  return emitInScope(this, response, response.requestEmit ?? plainEmit, args)
}

function emitOfResponse(this: Emitter, ...args: [event: string | symbol, ...unknown[]]): boolean {
  const response = this[ownResponse] as EmittingResponse
  response.emits(args[0])
  const emitted = emitInScope(this, response, response.responseEmit ?? plainEmit, args)
  response.emitted?.(args[0])
  return emitted
}

function emitOfCompat(this: Emitter, ...args: [event: string | symbol, ...unknown[]]): boolean {
  const response = this[ownResponse] as EmittingResponse
  if (args[0] === 'finish') response.emits('close')
  return emitInScope(this, response, response.requestEmit ?? plainEmit, args)
}

function emitInScope(
  emitter: EventEmitter,
  { gate }: EmittingResponse,
  emit: Emit,
  args: [event: string | symbol, ...unknown[]],
): boolean {
  if (gate === undefined || emitter.listenerCount(args[0]) === 0) return emit.apply(emitter, args)
  return gate.enter(emit, emitter, ...args)
}
