import { defer, instance, job } from 'afterword'
import { afterword } from 'afterword/fastify'
import Fastify from 'fastify'

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)

const app = Fastify()
app.register(afterword) // ahead of the routes; app.close() waits for the tasks
instance().onShutdown(() => app.close()) // SIGTERM: requests end, tasks run, then your onClose hooks

const email = { type: 'string', format: 'email' }
const schema = { body: { type: 'object', required: ['email'], properties: { email } } }

app.post<{ Body: { email: string } }>('/signup', { schema }, async (request, reply) => {
  const { email } = request.body
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  return reply.status(201).send({ email })
})

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`http://localhost:${new URL(address).port}`)
