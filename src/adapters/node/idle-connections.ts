import type { NodeServer } from './node-intake.ts'

/** A server is closing its idle connections in this turn of its thread: another copy of the package finds it there. */
const closing = Symbol.for('afterword.closing-idle')
const flags = globalThis as { [closing]?: boolean }

/**
 * Makes it known when a server closes its idle connections, also within `close`. Node takes a connection for idle whose response was ended,
 * although others may stand behind it while its bytes are held.
 */
export function tellIdleClosing(server: NodeServer): void {
  const target = server as { closeIdleConnections?: () => void }
  const { closeIdleConnections } = target
  if (typeof closeIdleConnections !== 'function') return
  target.closeIdleConnections = function () {
    flags[closing] = true
    try {
      closeIdleConnections.call(this)
    } finally {
      flags[closing] = false
    }
  }
}

/** The sockets that are destroyed now belong to connections that a server takes for idle ones. */
export function closesIdleConnections(): boolean {
  return flags[closing] === true
}
