import type { Answer } from '../adapters/handler/answer.ts'
import type { Refusal } from './views.ts'

/** No other host, no code or style in the page itself, no frame. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The headers of all answers. */
const common = {
  'cache-control': 'no-store',
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
} as const

/** Lets other pages show an answer in a frame. @param ancestors the sources of those pages, as the policy has them */
export function framed(answer: Answer, ancestors: string): Answer {
  const { 'x-frame-options': _, ...headers } = answer.headers
  const allowed = `frame-ancestors ${ancestors.replaceAll(/[;,\r\n]/g, ' ')}`
  return { ...answer, headers: { ...headers, ...policyWith(headers, "frame-ancestors 'none'", allowed) } }
}

/** Lets the page of an answer name the address to which its own are relative. */
export function based(answer: Answer): Answer {
  return {
    ...answer,
    headers: { ...answer.headers, ...policyWith(answer.headers, "base-uri 'none'", "base-uri 'self'") },
  }
}

function policyWith(headers: Answer['headers'], rule: string, other: string): Answer['headers'] {
  return { 'content-security-policy': (headers['content-security-policy'] ?? policy).replace(rule, other) }
}

/** Makes an answer. */
export function answer(status: number, headers: Readonly<Record<string, string>>, body?: string | Uint8Array): Answer {
  return { status, headers: { ...common, ...headers }, ...(body !== undefined && { body }) }
}

/** Makes an answer in JSON. */
export function json(value: object, status = 200): Answer {
  return answer(status, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(value))
}

/** Makes the answer to a request that is refused. @param message a sentence that says what to do */
export function refusal(status: number, message: string): Answer {
  return json({ message } satisfies Refusal, status)
}

/** Makes an answer that is a stream of events. No proxy and no compression may hold events back. */
export function eventStream(stream: NonNullable<Answer['stream']>): Answer {
  const headers = {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  }
  return { ...answer(200, headers), stream }
}
