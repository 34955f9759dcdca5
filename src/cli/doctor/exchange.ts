import { type Agent, request as request1 } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { request as requestTls } from 'node:https'
import { clearTimeout, clock, setTimeout } from '../../clock.ts'

/** The time in ms for which an answer is waited for. */
const longest = 30_000

/** An answer, as the client of the doctor has got it. */
export interface Exchange {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The time in ms from the request to the last byte of the answer. */
  readonly took: number
}

/** A way to ask: a protocol, on connections of its own. */
export type Ask = (
  query: Readonly<Record<string, string>>,
  headers?: Readonly<Record<string, string>>,
) => Promise<Exchange>

const addressOf = (url: URL, query: Readonly<Record<string, string>>) => {
  const address = new URL(url)
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
  return address
}

export function askHttp1(url: URL, agent: Agent): Ask {
  return async (query, headers = {}) => {
    const address = addressOf(url, query)
    const request = url.protocol === 'https:' ? requestTls : request1
    return within((resolve, reject, signal) => {
      const began = clock.now()
      const req = request(address, { agent, headers, signal }, (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => void chunks.push(chunk))
        res.on('error', reject)
        res.on('end', () => {
          const took = clock.now() - began
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString(), took })
        })
      })
      req.on('error', reject).end()
    })
  }
}

export function askHttp2(url: URL, session: ClientHttp2Session): Ask {
  return async (query, headers = {}) => {
    const { pathname, search } = addressOf(url, query)
    return within((resolve, reject, signal) => {
      const began = clock.now()
      const stream = session.request({ ':path': `${pathname}${search}`, ...headers }, { signal })
      const chunks: Buffer[] = []
      let head: Exchange['headers'] = {}
      stream.on('response', (headers) => void (head = headers as Exchange['headers']))
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
      stream.on('error', reject)
      stream.on('end', () => {
        const took = clock.now() - began
        resolve({ status: Number(head[':status']), headers: head, text: Buffer.concat(chunks).toString(), took })
      })
    })
  }
}

type Work = (resolve: (exchange: Exchange) => void, reject: (error: Error) => void, signal: AbortSignal) => void

function within(work: Work): Promise<Exchange> {
  const end = new AbortController()
  const timer = setTimeout(() => end.abort(new Error(`There was no answer within ${longest / 1000} s.`)), longest)
  return new Promise<Exchange>((resolve, reject) => work(resolve, reject, end.signal)).finally(() =>
    clearTimeout(timer),
  )
}
