import { attach } from '../../../src/adapters/node-http.ts'
import { configure } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { serve } from '../../support/stage.ts'
import { answers } from './answers.ts'
import { disconnects } from './client-disconnects.ts'
import type { Handlers } from './handlers.ts'
import { late } from './late-write.ts'

// A server of `node:http`, `node:https` or `node:http2`. Arguments: the protocol, how scopes are opened, options as JSON.
const [protocol, entry = 'auto', options] = process.argv.slice(2)
if (options !== undefined) configure(JSON.parse(options))
if (entry === 'auto') await import('../../../src/adapters/auto.ts')

const handlers: Handlers = { ...answers, ...disconnects, ...late }
const server = createServer(protocol, (req, res) =>
  handlers[new URL(req.url ?? '', 'http://localhost').pathname]?.(req, res),
)
if (entry === 'attach') attach(server)
serve(server)
