/**
 * Requests are isolated on Cloudflare Workers: no code of one request may run in a turn that another one has set, or wait for it:
 * https://developers.cloudflare.com/workers/observability/errors (errors for cross-request promises and I/O).
 */
export const isolatesRequests = globalThis.navigator?.userAgent === 'Cloudflare-Workers'
