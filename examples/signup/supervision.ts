import { once } from 'node:events'
import type { Mail } from './inbox.ts'
import type { ListedSignup } from './signups.ts'

/** The knowledge with which a process begins. */
export interface Beginning {
  readonly port: number
  readonly smtp: number
  readonly analytics: string
  readonly companies: string
  readonly mails: readonly Mail[]
  readonly signups: readonly ListedSignup[]
}

/** The messages of the supervisor. */
export type ToApp = { readonly beginning: Beginning } | { readonly mail: Mail }

/** The messages of the app. */
export type FromApp = { readonly port: number } | { readonly signup: ListedSignup }

/** Waits for the first message of the supervisor, then listens to the others. */
export async function supervised(): Promise<Beginning> {
  const [message] = (await once(process, 'message')) as [{ beginning: Beginning }]
  // The supervisor keeps no app from its end; an app without one ends.
  process.channel?.unref()
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  return message.beginning
}

export function tell(message: FromApp): void {
  process.send?.(message)
}
