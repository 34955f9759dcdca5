import { defer, job } from 'afterword'
import { withAfterword } from 'afterword/fetch'

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)

async function signUp(request: Request): Promise<Response> {
  if (request.method !== 'POST') return new Response('POST a sign-up', { status: 405 })
  const { email } = (await request.json().catch(() => ({}))) as { email?: string }
  if (!email?.includes('@')) return new Response('No e-mail address', { status: 400 })
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  return Response.json({ email }, { status: 201 })
}

// Bun: `bun server.ts` · Deno: `deno serve --port 3000 server.ts` · Cloudflare Workers: `wrangler dev server.ts`
export default { fetch: withAfterword(signUp) }
