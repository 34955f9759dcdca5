import { H3, HTTPError, serve } from 'h3'
import { afterword } from '../../../src/adapters/h3.ts'
import { response } from '../response.ts'
import { listening, stage, usesAdapter } from '../stage.ts'

const app = new H3({ silent: true })
if (usesAdapter) app.use(afterword())
app.all('/**', async (event) => {
  const httpError = (status: number) => new HTTPError({ status })
  return response(
    await stage.play(event.url.pathname, { res: event.runtime?.node?.res as never, address: event, httpError }),
  )
})
const server = serve(app, { port: 0, hostname: '127.0.0.1', silent: true })
await server.ready()
listening(Number(new URL(String(server.url)).port), () => server.close())
