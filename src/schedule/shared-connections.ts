import * as asyncHooks from 'node:async_hooks'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { hasNodeStreams, isolatesRequests } from '../platform.ts'
import type { Scope } from '../task/scope.ts'

/** The classes of Node's handles that read from a connection. */
const connections = new Set(['TCP', 'TLSWrap', 'Pipe'])

/** The number of first late calls that are looked at; then one in `lookedEach`: a look lists all connections. */
const firstLooked = 100
const lookedEach = 1024

interface Handle {
  getAsyncId?(): number
}

/**
 * The watch finds a `defer` in a callback of a connection that an earlier request has opened, and reports the first one. Node calls such a
 * callback as code of that earlier request, which tells itself once its response was sent: the code is late, and runs in the very event of
 * the connection. Code behind an `await` belongs to its own request.
 */
class SharedConnectionWatch {
  #isReported = false
  #calls = 0

  /** A call was made as code of a scope whose response was sent. @param what the name of the call, for the report */
  late(what: string, { sent }: Scope): void {
    if (this.#isReported || sent === undefined) return
    if (++this.#calls > firstLooked && this.#calls % lookedEach !== 0) return
    if (!inConnectionEvent()) return
    this.#isReported = true
    report(new AfterwordError('AFTERWORD_SHARED_CONNECTION', [what, sent.method, sent.path]))
  }
}

export const sharedConnections = new SharedConnectionWatch()

/** The code runs in an event of a connection, or in the tick after it. */
function inConnectionEvent(): boolean {
  if (!hasNodeStreams || isolatesRequests) return false
  if (connections.has(asyncHooks.executionAsyncResource().constructor.name)) return true
  const id = asyncHooks.triggerAsyncId()
  return activeHandles().some(({ _handle: handle }) => handle?.getAsyncId?.() === id)
}

/** Node has no documented way to list the connections themselves; `process.getActiveResourcesInfo` has their names alone. */
function activeHandles(): readonly { readonly _handle?: Handle | null }[] {
  return (process as { _getActiveHandles?(): { readonly _handle?: Handle | null }[] })._getActiveHandles?.() ?? []
}
