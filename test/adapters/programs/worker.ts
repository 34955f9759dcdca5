import { withAfterword } from '../../../src/adapters/fetch.ts'
import { defer, subscribe } from '../../../src/index.ts'

interface Env {
  /** The test, which gets what is told and answers once the teller may go on. */
  readonly TEST: { fetch(url: string, init: { method: string; body: string }): Promise<Response> }
}

const tell = (env: Env, what: string) => env.TEST.fetch('http://test/', { method: 'POST', body: what })

let listening = false
function listen(env: Env): void {
  if (listening) return
  listening = true
  subscribe('report', ({ error }) => void tell(env, error.message))
}

/** Two tasks, the first of which goes on for as long as the test wants. */
async function answer(request: Request, env: Env, _context: object): Promise<Response> {
  listen(env)
  const { pathname } = new URL(request.url)
  async function first() {
    await tell(env, `first of ${pathname}`)
  }
  async function second() {
    await tell(env, `second of ${pathname}`)
  }
  defer(first)
  defer(second)
  return new Response('fine')
}

export const limited = { fetch: withAfterword(answer, { limit: 1000 }) }
export const unlimited = { fetch: withAfterword(answer) }

/** No adapter. */
export const bare = { fetch: answer }

/** A task that fails, and nobody who listens to reports. The handler is a method that needs its object. */
export const failing = {
  greeting: 'hello',
  fetch(_request: Request): Response | Promise<Response> {
    defer(() => {
      throw new Error('no mail server')
    })
    return new Response(this.greeting)
  },
}
failing.fetch = withAfterword(failing.fetch)
