import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { defer, job } from 'afterword'
import { afterword } from 'afterword/koa'
import Koa from 'koa'

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)

const app = new Koa()
app.use(afterword()) // ahead of all other middleware

app.use(async (ctx) => {
  if (ctx.method !== 'POST' || ctx.path !== '/signup') return // 404
  const body = (await json(ctx.req).catch(() => undefined)) as { email?: string } | undefined
  const email = String(body?.email)
  if (!email.includes('@')) ctx.throw(400, 'No e-mail address')
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  ctx.status = 201
  ctx.body = { email }
})

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
})
