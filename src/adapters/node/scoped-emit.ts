import type { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Afterword } from '../../afterword.ts'
import { NodeIntake, type NodeServer } from './node-intake.ts'
import { enter, enterStream, type NodeRequest, type NodeResponse } from './node-scope.ts'

/**
 * The `emit` of an event emitter.
 *
 * @example
 * const emit = server.emit as Emit
 * if (!opensScopes(emit)) server.emit = scopedEmit(emit, instance)
 */
export type Emit = (this: EventEmitter, event: string | symbol, ...args: unknown[]) => boolean

/** The mark of a scoped `emit`, on the function: another copy of the package finds it there. */
const scoped = Symbol.for('afterword.scoped-emit')

/**
 * The `emit` opens scopes already.
 *
 * @example
 * if (!opensScopes(server.emit)) attach(server)
 */
export function opensScopes(emit: Emit): boolean {
  return scoped in emit
}

/**
 * Makes the `emit` of a server call the listeners of a request in its scope.
 *
 * @example
 * CustomServer.prototype.emit = scopedEmit(CustomServer.prototype.emit, instance)
 */
export function scopedEmit(emit: Emit, afterword: () => Afterword): Emit {
  const emitInScope: Emit = function (event, ...args) {
    if (event === 'request' || event === 'checkContinue' || event === 'checkExpectation') {
      const [req, res] = args as [NodeRequest, NodeResponse]
      // The server may have listened before its class was patched, as Next's server does.
      NodeIntake.watch(this as NodeServer, afterword(), true, req.socket as Socket)
      return enter(afterword(), req, res, () => emit.call(this, event, req, res))
    }
    if (event === 'stream') {
      const [stream, headers] = args as [ServerHttp2Stream, IncomingHttpHeaders]
      return enterStream(afterword(), stream, headers, () => emit.call(this, event, ...args))
    }
    // A server that only gets connections handed over never listens.
    if (event === 'connection') NodeIntake.watch(this as NodeServer, afterword(), true)
    NodeIntake.tell(this as NodeServer, event, args)
    return emit.call(this, event, ...args)
  }
  return Object.assign(emitInScope, { [scoped]: true })
}
