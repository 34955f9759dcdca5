import { defer, job } from 'afterword'
import { afterword } from 'afterword/h3'
import { H3, HTTPError, readBody, serve } from 'h3'

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)
const save = async (email: string) => console.log(`saved ${email}`)

const app = new H3()
app.use(afterword()) // ahead of the routes

app.post('/signup', async (event) => {
  const { email } = (await readBody<{ email?: string }>(event)) ?? {}
  if (!email?.includes('@')) throw new HTTPError({ status: 400, message: 'No e-mail address' })
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  event.waitUntil(save(email)) // begins now, and a shutdown waits for it
  event.res.status = 201
  return { email }
})

const server = serve(app, { port: Number(process.env.PORT ?? 3000), silent: true })
await server.ready()
console.log(`http://localhost:${new URL(String(server.url)).port}`)
