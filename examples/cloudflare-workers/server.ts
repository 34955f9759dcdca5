import { env } from 'cloudflare:workers'
import { configure, defer, job } from 'afterword'
import { cloudflareQueues } from 'afterword/cloudflare-queues'
import { withAfterword } from 'afterword/fetch'

const afterword = configure({ engine: cloudflareQueues({ queue: env.JOBS, deadLetterQueue: env.DEAD_JOBS }) })

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)

async function signUp(request: Request): Promise<Response> {
  if (request.method !== 'POST') return new Response('POST a sign-up', { status: 405 })
  const { email } = (await request.json().catch(() => ({}))) as { email?: string }
  if (!email?.includes('@')) return new Response('No e-mail address', { status: 400 })
  SendWelcome.defer(email) // the response leaves when the queue has it
  defer(track, 'signup', email) // in memory, right after the response
  return Response.json({ email }, { status: 201 })
}

export default { fetch: withAfterword(signUp), queue: afterword.queue }
