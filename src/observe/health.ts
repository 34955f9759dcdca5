import { type Handler, makeHandler } from '../adapters/handler/handler.ts'
import type { Afterword } from '../afterword.ts'
import { instance } from '../instance.ts'
import { type ReadinessOptions, validateReadiness } from '../options/readiness-options.ts'
import { type Health, liveHealth, notAllowed, readyHealth, written } from './probes.ts'

export type { Handler } from '../adapters/handler/handler.ts'
export type { ReadinessOptions } from '../options/readiness-options.ts'

/**
 * Makes a handler that tells whether the process lives: 200 whenever the event loop answers. A process that does not answer is to be restarted.
 *
 * @example
 * app.get('/livez', liveness())
 */
export function liveness(): Handler {
  return handlerOf(liveHealth)
}

/**
 * Makes a handler that tells whether the process is ready for requests and jobs: 200, or 503 while the folder of the journal is not open, the engine
 * is away, the instance shuts down, or the oldest task that is due is older than `maxOldestAge`.
 *
 * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * app.get('/readyz', readiness({ maxOldestAge: 60_000 }))
 */
export function readiness(options: ReadinessOptions = {}, of?: Afterword): Handler {
  const settings = validateReadiness(options)
  return handlerOf(() => readyHealth(of ?? instance(), settings))
}

function handlerOf(health: () => Health): Handler {
  return makeHandler(async ({ method }) => {
    const answer = method === 'GET' || method === 'HEAD' ? health() : notAllowed
    const { text, headers } = written(answer)
    return { status: answer.status, headers, body: text }
  })
}
