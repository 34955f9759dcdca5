import type { Writable } from 'node:stream'
import { defer, job } from 'afterword'
import { withAfterword } from 'afterword/aws-lambda'

/** The global of Lambda's runtime for Node, as far as it is used here; `@types/aws-lambda` has the whole. */
declare const awslambda: {
  streamifyResponse<H>(handler: H): H
  HttpResponseStream: { from(stream: Writable, metadata: { statusCode: number }): Writable }
}
interface Event {
  readonly body?: string
}
interface Context {
  getRemainingTimeInMillis(): number
}

const SendWelcome = job('send-welcome', async (email: string) => console.log(`welcome ${email}`))
const track = (event: string, email: string) => console.log(`track ${event} ${email}`)

function signUp({ body = '{}' }: Event) {
  const { email } = JSON.parse(body) as { email?: string }
  if (!email?.includes('@')) return { statusCode: 400, body: 'No e-mail address' }
  SendWelcome.defer(email)
  defer(track, 'signup', email)
  return { statusCode: 201, body: JSON.stringify({ email }) }
}

/** For a function URL with the invoke mode RESPONSE_STREAM: the tasks run when the client has its answer. */
export const streaming = awslambda.streamifyResponse(
  withAfterword(async (event: Event, stream: Writable, _context: Context) => {
    const { statusCode, body } = signUp(event)
    awslambda.HttpResponseStream.from(stream, { statusCode }).end(body)
    return { statusCode } // Lambda ignores it; tasks see it as the status
  }),
)

/** For everything else: the tasks run before the answer. */
export const buffered = withAfterword(async (event: Event, _context: Context) => signUp(event))
