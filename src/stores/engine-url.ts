import { nearest } from '../options/validate.ts'

/** The states of calls that an engine knows: of processes, and of what they know, it knows nothing. */
export const engineStates = ['failed', 'running', 'pending'] as const

interface KnownEngine {
  readonly name: 'pg-boss' | 'BullMQ'
  readonly url: RegExp
  /** The parameters that its client reads, and those that other clients do and that URLs of hosts carry. */
  readonly parameters: readonly string[]
}

const words = (text: string) => text.trim().split(/\s+/)

const engines: readonly KnownEngine[] = [
  {
    name: 'pg-boss',
    url: /^postgres(ql)?:\/\//i,
    parameters: words(`
      schema host port user password ssl sslmode sslcert sslkey sslrootcert sslpassword sslnegotiation
      uselibpqcompat options client_encoding application_name fallback_application_name statement_timeout
      lock_timeout idle_in_transaction_session_timeout query_timeout connect_timeout keepalives
      keepalives_idle target_session_attrs channel_binding gssencmode pgbouncer
    `),
  },
  {
    name: 'BullMQ',
    url: /^rediss?:\/\//i,
    parameters: words(
      'prefix db family username password connectTimeout commandTimeout socketTimeout keepAlive protocol',
    ),
  },
]

function engineAt(place: string): KnownEngine | undefined {
  return engines.find(({ url }) => url.test(place))
}

/** The name of the engine whose URL the place is; `undefined` if it is none. */
export function engineOf(place: string): KnownEngine['name'] | undefined {
  return engineAt(place)?.name
}

/** Says what is wrong with a URL; `undefined` if nothing is, or the place is none. */
export function wrongUrl(place: string): string | undefined {
  const parameters = engineAt(place)?.parameters
  if (parameters === undefined) {
    const [, scheme] = /^([a-z][a-z\d+.-]*:\/\/)/i.exec(place) ?? []
    return (
      scheme &&
      `knows no engine at ${scheme}… Engines have URLs with postgres://, postgresql://, redis:// or rediss://.`
    )
  }
  // Not every URL that Postgres takes is one for Node: without a host, say. Its client says what is wrong with such a one.
  const query = URL.parse(place)?.searchParams.keys() ?? []
  const unknown = [...query].find((parameter) => !parameters.includes(parameter))
  if (unknown === undefined) return undefined
  const near = nearest(unknown, parameters)
  return `knows no parameter "${unknown}" of a URL.${near === undefined ? '' : ` Did you mean "${near}"?`}`
}
