import cluster from 'node:cluster'

// What each program of the chaos runs is told.

export interface Settings {
  readonly name: string
  readonly journal: string
  readonly ledger: string
  readonly sync: 'normal' | 'full'
  /** The process claims dispatched jobs. */
  readonly worker: boolean
  readonly app: 'http' | 'http2' | 'express' | 'fastify' | 'koa' | 'hono'
  /** The number of processes that share the port; 0 for one that serves by itself. */
  readonly cluster: number
  /** The jobs are kept. Without, a kill loses them: that a loss is seen is a test of the harness. */
  readonly keep: boolean
}

export const settings: Settings = JSON.parse(String(process.env.CHAOS))
export const name = cluster.isWorker ? `${settings.name}.${cluster.worker?.id}` : settings.name

/** Tells whoever started the program. */
export const tell = (message: object) => void (process.connected && process.send?.({ ...message, name }))
