/** The shapes in which hosts tell the other end of a connection, beside the request. */
interface Host {
  /** The server of Bun. */
  requestIP?(request: Request): { readonly address: string } | null
  /** The info of Deno. */
  readonly remoteAddr?: { readonly hostname?: string }
  /** The bindings of `@hono/node-server`. */
  readonly incoming?: Connected
  /** The bindings of Hono on Bun. */
  readonly server?: Host
  /** The runtime of h3 and srvx. */
  readonly node?: { readonly req?: Connected }
  readonly bun?: { readonly server?: Host }
  readonly deno?: { readonly info?: Host }
}

interface Connected {
  readonly socket?: { readonly remoteAddress?: string | undefined }
}

/** Finds the other end of the connection of a request in what a host hands over with it. @returns `undefined` where none tells it */
export function peerOf(request: Request, hosts: readonly unknown[]): string | undefined {
  for (const host of hosts) {
    if (typeof host !== 'object' || host === null) continue
    const { incoming, server, node, bun: ofBun, deno } = host as Host
    const { remoteAddr } = deno?.info ?? (host as Host)
    const bun = [host as Host, server, ofBun?.server].find((each) => typeof each?.requestIP === 'function')
    const peer =
      bun?.requestIP?.(request)?.address ??
      remoteAddr?.hostname ??
      incoming?.socket?.remoteAddress ??
      node?.req?.socket?.remoteAddress
    if (peer !== undefined) return peer
  }
  return undefined
}
