import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { afterword } from '../../../src/adapters/koa.ts'
import { listening, nodeBody, stage, usesAdapter } from '../stage.ts'

const app = new Koa()
app.silent = true
if (usesAdapter) app.use(afterword())
app.use(async (ctx) => {
  const answer = await stage.play(ctx.path, { res: ctx.res, address: ctx, httpError: (status) => ctx.throw(status) })
  ctx.status = answer.status
  ctx.body = nodeBody(answer)
})
const server = app.listen(0, '127.0.0.1', () => listening((server.address() as AddressInfo).port))
