import type { ResponseGate } from './response.ts'

/**
 * The key of the object that an adapter makes for a response, on the request and on the response: a second adapter, a second copy of the
 * package, and an address find it there.
 */
export const ownResponse = Symbol.for('afterword.response')

interface Owning {
  readonly [ownResponse]?: { readonly gate?: ResponseGate }
}

/** The ways from what a framework hands to its handlers to what Node, or the host, has handed to the framework. */
const ways: readonly (readonly string[])[] = [
  [], // what Node, Express, Connect and Nest hand over; a `Request`; the event and the context of Lambda
  ['raw'], // a request and a reply of Fastify; a request of Hono
  ['req'], // the context of Koa, its request and its response; an event of h3
  ['req', 'raw'], // the context of Hono
  ['env', 'incoming'], // the same on `@hono/node-server`
  ['runtime', 'node', 'req'], // an event of h3, and its request, on Node
]

/** Finds the gate of the request for which an object stands; `undefined` where no adapter has opened its scope. */
export function gateOf(address: object): ResponseGate | undefined {
  for (const way of ways) {
    const gate = gateAt(address, way)
    if (gate !== undefined) return gate
  }
  return undefined
}

function gateAt(address: object, way: readonly string[]): ResponseGate | undefined {
  try {
    let at: unknown = address
    for (const name of way) at = (at as Record<string, unknown> | undefined)?.[name]
    return (at as Owning | null | undefined)?.[ownResponse]?.gate
  } catch {
    // A getter of a framework may throw once the request is over.
    return undefined
  }
}

/** Makes an object an address of a request, unless it is one already. */
export function makeAddress(object: unknown, response: { readonly gate?: ResponseGate }): void {
  if (typeof object !== 'object' || object === null || ownResponse in object) return
  Reflect.defineProperty(object, ownResponse, { value: response })
}
