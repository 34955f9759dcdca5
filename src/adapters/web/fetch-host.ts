import { isolatesRequests } from '../../platform.ts'
import type { Host } from '../../task/response.ts'
import { own } from './platform-context.ts'

/** The host of a handler that returns its `Response`. */
export interface FetchHost extends Host {
  deadline?: number | undefined
  /** The time in ms for which the host lets work go on after the response. */
  readonly limit?: number | undefined
  /** Resolves when the response was sent, on a host that tells. */
  readonly completed?: Promise<void> | undefined
  /** The server, on a host that can stop it. */
  readonly server?: StoppableServer | undefined
  /** The process goes on after the response: it shuts down by itself. */
  readonly lives?: boolean
  /** `request.signal` aborts when the client leaves, and only then: Deno's does so after every response. */
  readonly signals?: boolean
}

/** A server of `Bun.serve`. */
export interface StoppableServer {
  stop(closeActiveConnections?: boolean): unknown
}

interface Extra {
  waitUntil?: (work: Promise<unknown>) => void
  completed?: Promise<void>
  stop?: StoppableServer['stop']
  requestIP?: unknown
  [own]?: true
}

/** The process goes on after a response, and serves others. */
export const lives = 'Bun' in globalThis || 'Deno' in globalThis
const signals = 'Bun' in globalThis
/** Workers cancel what still runs 30 s after the response (developers.cloudflare.com/workers/platform/limits). */
const workersLimit = 29_000

/** Recognises a host by the arguments that it hands to the handler besides the request, and by the runtime. */
export function hostOf(extras: readonly unknown[], limit?: number): FetchHost {
  const given = extras.filter((extra): extra is Extra => typeof extra === 'object' && extra !== null && !(own in extra))
  // Workers and Vercel's edge: (request, env, context). Netlify: (request, context).
  const context = given.findLast((extra) => typeof extra.waitUntil === 'function') ?? platformContext()
  if (context !== undefined) {
    const waitUntil = (work: Promise<void>) => context.waitUntil?.(work)
    if (lives) return { waitUntil, limit, lives, signals }
    return { waitUntil, limit: limit ?? (isolatesRequests ? workersLimit : undefined) }
  }
  // Deno.serve: (request, info)
  const completed = given.find((extra) => extra.completed instanceof Promise)?.completed
  if (completed !== undefined) return { completed, limit, lives }
  if (!lives) return { before: true, limit }
  // Bun.serve: (request, server)
  const server = given.find((extra) => typeof extra.stop === 'function' && 'requestIP' in extra)
  return { server: server as StoppableServer | undefined, limit, lives, signals }
}

/** Vercel keeps the request's context under this symbol, and Netlify under its own name. */
function platformContext(): Extra | undefined {
  const { Netlify, [Symbol.for('@vercel/request-context')]: vercel } = globalThis as {
    Netlify?: { context?: Extra }
    [key: symbol]: { get?(): Extra | undefined } | undefined
  }
  const contexts = [vercel?.get?.(), Netlify?.context]
  return contexts.find((context) => typeof context?.waitUntil === 'function' && !(own in context))
}
