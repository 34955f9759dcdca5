import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { currentTask } from 'afterword'
import type { Signup } from './signup.ts'

/** The time of the slow API, in ms. */
const slowness = 2000

/** Takes events; answers 503 to those that ask for it. */
export async function startAnalytics() {
  const { url, close } = await listen((req, res) => {
    req.resume().on('end', () => res.writeHead(req.headers['x-please-fail'] === 'yes' ? 503 : 202).end())
  })

  async function trackSignup({ id, analyticsFails }: Signup): Promise<void> {
    const response = await fetch(`${url}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-please-fail': analyticsFails ? 'yes' : 'no' },
      body: JSON.stringify({ event: 'signed-up', id }),
      signal: currentTask()?.signal ?? null,
    })
    if (!response.ok) throw new Error(`The analytics API answered ${response.status}`)
  }

  return { trackSignup, close }
}

/** Knows which company a domain belongs to, and takes its time to say so. */
export async function startCompanies() {
  const { url, close } = await listen(async (req, res) => {
    await delay(slowness)
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ company: decodeURIComponent(req.url?.slice(1) ?? '') }))
  })

  async function lookUpCompany({ email }: Signup): Promise<string> {
    const domain = email.slice(email.lastIndexOf('@') + 1)
    // When the task's time is up the signal aborts, and the connection with it. Run before the answer there is none.
    const response = await fetch(`${url}/${domain}`, { signal: currentTask()?.signal ?? null })
    const { company } = (await response.json()) as { company: string }
    return company
  }

  return { lookUpCompany, close }
}

/** A small HTTP server on loopback. */
async function listen(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { url, close }
}
