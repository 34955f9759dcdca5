/**
 * Requests are isolated on Cloudflare Workers: no code of one request may run in a turn that another one has set, or wait for it:
 * https://developers.cloudflare.com/workers/observability/errors (errors for cross-request promises and I/O).
 */
export const isolatesRequests = globalThis.navigator?.userAgent === 'Cloudflare-Workers'

/** The responses of `node:http` and `node:http2` leave through streams of Node's. Bun and Deno have their own ways beneath these modules. */
export const hasNodeStreams = !('Bun' in globalThis) && !('Deno' in globalThis)
