import { serve } from '@hono/node-server'
import { defer, job } from 'afterword'
import { afterword } from 'afterword/hono'
import { Hono } from 'hono'
import { validator } from 'hono/validator'

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)
const save = async (email: string) => console.log(`saved ${email}`)

const app = new Hono()
app.use(afterword()) // ahead of all other middleware

const body = validator('json', ({ email }, c) => {
  return typeof email === 'string' && email.includes('@') ? { email } : c.text('No e-mail address', 400)
})

app.post('/signup', body, (c) => {
  const { email } = c.req.valid('json')
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  c.executionCtx.waitUntil(save(email)) // on every host, also on Node: begins now, and a shutdown waits for it
  return c.json({ email }, 201)
})

// The same app on three hosts.
const port = Number(process.env.PORT ?? 3000)
const listening = (server: { port: number }) => console.log(`http://localhost:${server.port}`)
const { Bun, Deno } = globalThis as {
  Bun?: { serve(options: object): { port: number } }
  Deno?: { serve(options: object, fetch: typeof app.fetch): unknown }
}
if (Bun !== undefined) listening(Bun.serve({ port, fetch: app.fetch }))
else if (Deno !== undefined) Deno.serve({ port, onListen: listening }, app.fetch)
else serve({ port, fetch: app.fetch }, listening)
