import { currentTask } from 'afterword'
import type { Signup } from './signup.ts'

/** The calls of two APIs of others. */
export function openThirdParties(analytics: string, companies: string) {
  async function trackSignup({ id, analyticsFails }: Signup): Promise<void> {
    const response = await fetch(`${analytics}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-please-fail': analyticsFails ? 'yes' : 'no' },
      body: JSON.stringify({ event: 'signed-up', id }),
      signal: currentTask()?.signal ?? null,
    })
    if (!response.ok) throw new Error(`The analytics API answered ${response.status}`)
  }

  async function lookUpCompany({ email }: Signup): Promise<string> {
    const domain = email.slice(email.lastIndexOf('@') + 1)
    // When the task's time is up the signal aborts, and the connection with it. Run before the answer there is none.
    const response = await fetch(`${companies}/${domain}`, { signal: currentTask()?.signal ?? null })
    const { company } = (await response.json()) as { company: string }
    return company
  }

  return { trackSignup, lookUpCompany }
}
