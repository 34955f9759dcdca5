import { subscribe } from 'node:diagnostics_channel'
import { Server } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import { Server as NetServer } from 'node:net'
import { instance } from '../instance.ts'
import type { NodeServer } from './node/node-intake.ts'
import { type Emit, opensScopes, scopedEmit } from './node/scoped-emit.ts'
import { attach } from './node-http.ts'
import { provideRequestContext } from './web/platform-context.ts'

// At once for the classes that are exported: a server that only gets connections handed over never listens.
for (const { prototype } of [Server, HttpsServer] as { prototype: { emit: Emit } }[]) {
  if (!opensScopes(prototype.emit)) prototype.emit = scopedEmit(prototype.emit, instance)
}

// The classes of `node:http2` are not exported.
const net = NetServer.prototype as { emit: unknown } as { emit: Emit }
const { emit } = net
net.emit = function (event, ...args) {
  if (event !== 'connection' || !('updateSettings' in this) || opensScopes(this.emit))
    return emit.call(this, event, ...args)
  attach(this as NodeServer)
  return this.emit(event, ...args)
}

// All others, such as what an APM has wrapped, when they listen.
subscribe('tracing:net.server.listen:asyncStart', (message) => {
  const { server } = message as { server: Partial<Record<keyof Server | 'updateSettings', unknown>> }
  const takesRequests = typeof server.closeIdleConnections === 'function' || typeof server.updateSettings === 'function'
  if (takesRequests) attach(server as unknown as NodeServer)
})

// `waitUntil` of `@vercel/functions` does nothing outside of Vercel unless somebody takes it.
provideRequestContext('@vercel/request-context')
