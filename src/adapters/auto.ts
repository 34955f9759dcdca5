import { subscribe } from 'node:diagnostics_channel'
import { Server } from 'node:http'
import { instance } from '../instance.ts'
import type { NodeServer } from './node/node-intake.ts'
import { type Emit, opensScopes, scopedEmit } from './node/scoped-emit.ts'
import { attach } from './node-http.ts'
import { provideRequestContext } from './web/platform-context.ts'

// At once for every `http.Server`: one that only gets connections handed over never listens.
const prototype = Server.prototype as { emit: unknown } as { emit: Emit }
if (!opensScopes(prototype.emit)) prototype.emit = scopedEmit(prototype.emit, instance)

// All others (https, http2, what an APM has wrapped) when they listen. The classes of `node:http2` are not exported.
subscribe('tracing:net.server.listen:asyncStart', (message) => {
  const { server } = message as { server: Partial<Record<keyof Server | 'updateSettings', unknown>> }
  const takesRequests = typeof server.closeIdleConnections === 'function' || typeof server.updateSettings === 'function'
  if (takesRequests) attach(server as unknown as NodeServer)
})

// `waitUntil` of `@vercel/functions` does nothing outside of Vercel unless somebody takes it.
provideRequestContext('@vercel/request-context')
