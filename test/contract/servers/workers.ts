import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { withAfterword } from '../../../src/adapters/fetch.ts'
import { afterword } from '../../../src/adapters/hono.ts'
import { Stage } from '../../../src/testing/stage.ts'
import { response } from '../response.ts'

// A worker: a fetch handler, and a Hono app for what is asked of the host "hono".
interface Env {
  readonly CONTROL: string
}

let stage: Stage | undefined
const stageOf = (env: Env) => (stage ??= new Stage(env.CONTROL))

const app = new Hono<{ Bindings: Env }>()
app.use(afterword())
app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text('broken', 500)))
app.all('*', async (c) => {
  const httpError = (status: number) => new HTTPException(status as 418)
  return response(await stageOf(c.env).play(c.req.path, { address: c, httpError }))
})

const handler = withAfterword(async (request: Request, env: Env, _context: object) =>
  response(await stageOf(env).play(new URL(request.url).pathname, { address: request })),
)

export const plain = { fetch: handler }
export const hono = app
