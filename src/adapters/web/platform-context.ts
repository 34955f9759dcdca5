import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import { instance } from '../../instance.ts'

/** The mark of our own context: a fetch handler must not take it for a host that keeps its work alive. */
export const own = Symbol.for('afterword.request-context')

/** The documented part of a platform's request context: it keeps the request alive for work that has begun. */
interface RequestContext {
  waitUntil(promise: PromiseLike<unknown>): void
  readonly [own]?: true
}

/**
 * Provides the context in which Next and `@vercel/functions` look for their platform. A self-hosted server has none: then `waitUntil` of
 * `@vercel/functions` does nothing, and Next waits for its promises without limits. A real platform's stays as it is.
 */
export function provideRequestContext(name: '@next/request-context' | '@vercel/request-context'): void {
  const platform = globalThis as { [key: symbol]: { get(): RequestContext } | undefined }
  platform[Symbol.for(name)] ??= { get: () => context }
}

/** Hands work to the platform that Next finds in its own way, if there is one: it may freeze the process once nothing is handed over any more. */
export function handToPlatform(work: PromiseLike<unknown>): void {
  const platform = globalThis as { [key: symbol]: { get?(): RequestContext | undefined } | undefined }
  const context = platform[Symbol.for('@next/request-context')]?.get?.()
  if (context === undefined || own in context || typeof context.waitUntil !== 'function') return
  // The work is reported by Afterword, and by no platform besides.
  context.waitUntil(Promise.resolve(work).then(undefined, () => {}))
}

const context: RequestContext = { waitUntil: track, [own]: true }

/** Takes the promise into the drain and the reports. Never throws: the callers are frameworks in the midst of a request. */
export function track(promise: PromiseLike<unknown>): void {
  try {
    instance().waitUntil(promise)
  } catch (error) {
    // The backlog is full or closed, and does not accept the promise: at least its failure is reported, and no unhandled rejection.
    report(error as AfterwordError)
    Promise.resolve(promise).then(undefined, (cause) => {
      report(new AfterwordError('AFTERWORD_CALLBACK_FAILED', ['waitUntil', ''], { cause }))
    })
  }
}
