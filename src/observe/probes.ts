import type { Afterword } from '../afterword.ts'
import type { ReadinessOptions } from '../options/readiness-options.ts'

/** The answer to a probe. */
export interface Health {
  readonly status: 200 | 404 | 405 | 503
  readonly body: object
}

export const notAllowed: Health = { status: 405, body: { error: 'GET only.' } }

export function liveHealth(): Health {
  return { status: 200, body: { live: true, pid: process.pid, uptime: Math.round(process.uptime()) } }
}

export function readyHealth(of: Afterword, { maxOldestAge, engine }: Required<ReadinessOptions>): Health {
  const { ending, journalOpen, engineReached, engineAway, oldestAge, running, backlog } = of.status()
  const ready = !ending && journalOpen && (engineReached || !engine) && oldestAge <= maxOldestAge
  const ages = { engineAway: Math.round(engineAway), oldestAge: Math.round(oldestAge) }
  return { status: ready ? 200 : 503, body: { ready, ending, journalOpen, engineReached, ...ages, running, backlog } }
}

/** Writes an answer: its text, and the headers of that. */
export function written({ body }: Health): { readonly text: string; readonly headers: Record<string, string> } {
  const text = `${JSON.stringify(body)}\n`
  return {
    text,
    headers: {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      'cache-control': 'no-store',
    },
  }
}
