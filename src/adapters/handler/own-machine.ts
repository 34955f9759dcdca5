import type { Call } from './call.ts'

/** The headers that proxies add: the other end of the connection is not who asks. */
const forwarded = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']

/**
 * The call comes from this machine, as far as the call tells. A proxy of this machine asks for clients of others: its headers say so, or the old
 * version of HTTP that some speak by default, or the origin of a page that was loaded under another name.
 */
export function isOwnMachine(call: Call): boolean {
  if (call.peer === undefined || !isLoopback(call.peer)) return false
  if (forwarded.some((name) => call.header(name) !== undefined) || call.httpVersion === '1.0') return false
  const host = call.header('host') ?? ''
  const origin = URL.parse(call.header('origin') ?? '')?.host ?? host
  // A page elsewhere can have its own name lead to this machine: the browser then takes what answers there for a part of that page.
  return namesLoopback(host) && origin === host
}

/** The address is that of this machine. */
function isLoopback(address: string): boolean {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address) || address === '::1'
}

/** The `Host` header names this machine. Any other name may be one that somebody else has made to lead here. */
function namesLoopback(host: string): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name)
}
