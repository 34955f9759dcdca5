export const protocols = ['HTTP/1.1', 'HTTPS', 'h2c', 'h2'] as const
export type Protocol = (typeof protocols)[number]

/** The way in which the work that keeps the thread busy is begun: by `defer`, or in a usual way, for contrast. */
export type Way = 'defer' | 'at-once' | 'setImmediate'

export interface Series {
  readonly protocol: Protocol
  readonly port: number
  readonly way: Way
  readonly requests: number
}

/** From the call of the request to its last byte, in ms. */
export interface Times {
  readonly with: readonly number[]
  readonly without: readonly number[]
}
