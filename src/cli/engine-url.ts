import { nearest } from '../options/validate.ts'

/** The states of calls that an engine knows: of processes, and of what they know, it knows nothing. */
export const engineStates = ['failed', 'running', 'pending'] as const

/** The parameters that the client of Postgres reads, and those that other clients do and that URLs of hosts carry. */
const parameters = `
  schema host port user password ssl sslmode sslcert sslkey sslrootcert sslpassword sslnegotiation
  uselibpqcompat options client_encoding application_name fallback_application_name statement_timeout
  lock_timeout idle_in_transaction_session_timeout query_timeout connect_timeout keepalives
  keepalives_idle target_session_attrs channel_binding gssencmode pgbouncer
`
  .trim()
  .split(/\s+/)

/** The place is the URL of an engine. */
export function isEngine(place: string): boolean {
  return /^postgres(ql)?:\/\//.test(place)
}

/** Says what is wrong with the URL of an engine; `undefined` if nothing is. */
export function wrongUrl(place: string): string | undefined {
  // Not every URL that Postgres takes is one for Node: without a host, say. Its client says what is wrong with such a one.
  const query = URL.parse(place)?.searchParams.keys() ?? []
  const unknown = [...query].find((parameter) => !parameters.includes(parameter))
  if (unknown === undefined) return undefined
  const near = nearest(unknown, parameters)
  return `knows no parameter "${unknown}" of a URL.${near === undefined ? '' : ` Did you mean "${near}"?`}`
}
