import type { EventEmitter } from 'node:events'
import type { Afterword } from '../afterword.ts'
import { instance } from '../instance.ts'
import { NodeIntake, type NodeServer } from './node/node-intake.ts'
import { type Emit, opensScopes, scopedEmit } from './node/scoped-emit.ts'

export type { NodeServer } from './node/node-intake.ts'
export { enter, enterServed, type NodeRequest as Request, type NodeResponse as Response } from './node/node-scope.ts'
export { type Emit, opensScopes, scopedEmit } from './node/scoped-emit.ts'

/**
 * Opens a scope for every request of a server, and makes the server part of the shutdown.
 *
 * @example
 * const server = http.createServer((req, res) => {
 *   defer(track, req.url)
 *   res.end('hello')
 * })
 * attach(server)
 * server.listen(3000)
 */
export function attach(server: NodeServer, afterword: Afterword = instance()): void {
  const emitter = server as EventEmitter
  if (!opensScopes(emitter.emit as Emit)) emitter.emit = scopedEmit(emitter.emit as Emit, () => afterword)
  NodeIntake.watch(server, afterword, true)
}
