import type { Signup } from './signup.ts'

/** A sign-up as the page lists it. */
export interface ListedSignup {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly receivedAt: string
  /** The order: the four things run before the answer, or after it. */
  readonly way: 'before' | 'after'
}

/** The number of sign-ups that the page lists. */
const most = 8

/** The sign-ups of late, the newest first. */
export class Signups {
  readonly #listed: ListedSignup[]

  constructor(listed: readonly ListedSignup[] = []) {
    this.#listed = [...listed]
  }

  get list(): readonly ListedSignup[] {
    return this.#listed
  }

  add(signup: ListedSignup): void {
    this.#listed.unshift(signup)
    this.#listed.length = Math.min(this.#listed.length, most)
  }
}

/** Makes the entry of a sign-up. */
export function listedOf({ id, name, email }: Signup, way: ListedSignup['way']): ListedSignup {
  return { id, name, email, receivedAt: new Date().toISOString(), way }
}
