import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterword } from '../../../src/adapters/express.ts'
import { onePerScope, serve, witness } from '../../support/stage.ts'
import { createAppServer, load } from './app.ts'

// An app with one handler. Arguments: the protocol, the framework, and all that opens scopes.
const [protocol, framework, ...entries] = process.argv.slice(2)
const app = load(framework)()
if (entries.includes('middleware')) app.use(afterword())
app.use((_req: IncomingMessage, _res: ServerResponse, next: () => void) => {
  onePerScope('middleware')
  next()
})
if (entries.includes('middleware again')) app.use(afterword())
app.use((req: IncomingMessage, res: ServerResponse) => {
  witness(req)
  onePerScope('handler')
  res.end('hello')
})
serve(await createAppServer(protocol, app, entries))
