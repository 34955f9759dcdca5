/** The payload of each call: about 200 bytes as JSON. */
export interface Payload {
  /** Different for each. */
  readonly number: number
  readonly to: string
  readonly subject: string
  readonly template: string
  readonly locale: string
  readonly campaign: string
}

let number = 0

export function payload(): Payload {
  return {
    number: ++number,
    to: 'ada.lovelace@example.com',
    subject: 'Welcome to the analytical engine, and thank you for signing up',
    template: 'welcome/first-steps',
    locale: 'en-GB',
    campaign: 'autumn-2026-sign-up',
  }
}
