import { fileURLToPath } from 'node:url'

const modules = new URL('../node_modules/', import.meta.url)

/** The Node versions that tests and benchmarks run on, by their executables. */
export const nodes = {
  22: fileURLToPath(new URL('node-22/bin/node', modules)),
  24: fileURLToPath(new URL('node/bin/node', modules)),
  26: fileURLToPath(new URL('node-26/bin/node', modules)),
} as const
export type NodeVersion = keyof typeof nodes
