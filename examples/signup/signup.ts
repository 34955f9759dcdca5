import { randomUUID } from 'node:crypto'

/** Plain data: it is what the tasks get as their argument. */
export interface Signup {
  readonly id: string
  readonly name: string
  readonly email: string
  /** Asked for on the page, to see what a failing task does to the others. */
  readonly analyticsFails: boolean
}

/** The faults of the input, by field. */
export class InvalidSignup extends Error {
  readonly status = 400
  readonly errors: Readonly<Record<string, string>>

  constructor(errors: Readonly<Record<string, string>>) {
    super('Please check what you typed in.')
    this.errors = errors
  }
}

/** As browsers check it, and with a dot in the domain: https://html.spec.whatwg.org/#valid-e-mail-address */
const address = /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z\d-]+(\.[a-z\d-]+)+$/i

/** @throws InvalidSignup */
export function readSignup(body: unknown): Signup {
  const input = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const name = typeof input.name === 'string' ? input.name.trim() : ''
  const email = typeof input.email === 'string' ? input.email.trim() : ''
  const errors: Record<string, string> = {}
  if (name === '') errors.name = 'Please tell us your name.'
  else if (name.length > 80) errors.name = 'Please use a name of at most 80 characters.'
  if (email === '') errors.email = 'Please type in your e-mail address.'
  else if (email.length > 254 || !address.test(email)) {
    errors.email = 'This is not an e-mail address. It should look like ada@analytical.example.'
  }
  if (Object.keys(errors).length > 0) throw new InvalidSignup(errors)
  return { id: randomUUID(), name, email, analyticsFails: input.analyticsFails === true }
}
