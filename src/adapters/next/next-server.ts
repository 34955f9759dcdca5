import { configure, instance } from '../../instance.ts'
import type { AfterwordOptions } from '../../options/instance-options.ts'
import { provideRequestContext } from '../web/platform-context.ts'
import { catchAfter } from './next-after.ts'
import { addressRouteRequests } from './route-requests.ts'

/** Sets up the process of a Next server. */
export async function registerServer(options?: AfterwordOptions): Promise<void> {
  if (options !== undefined) configure(options)
  provideRequestContext('@next/request-context')
  await catchAfter()
  await addressRouteRequests()
  // `next dev` ends as it always does: at once, whatever streams are open.
  if (process.env.NODE_ENV !== 'development') takeSignals()
}

/**
 * Takes Next's listeners for signals away: Next ends the process itself when its requests have ended (start-server.js), with tasks left
 * undone. The listeners stay where ours take no signals: with `signals: false` or NEXT_MANUAL_SIG_HANDLE.
 */
function takeSignals(): void {
  // The server listens already and is not at hand; it becomes an intake with its first request.
  instance().expectRequests()
  if (!instance().takesSignals) return
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    for (const listener of process.listeners(signal)) if (isCleanup(listener)) process.off(signal, listener)
  }
}

/** Recognises Next's listener by its name and by a line that only Next has: a function of the app may have the same name. */
function isCleanup(listener: NodeJS.SignalsListener): boolean {
  return listener.name === 'cleanup' && String(listener).includes('start-server')
}
