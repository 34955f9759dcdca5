import { fileURLToPath } from 'node:url'
import { nodes } from './nodes.ts'

const installed = (path: string) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url))
const node = (executable: string) => ({ executable, args: ['--disable-warning=ExperimentalWarning'] })

/** The runtimes that the adapters are tested on: how each runs a TypeScript program, and how it tells its version. */
export const runtimes = {
  'Node 22': node(nodes[22]),
  'Node 24': node(nodes[24]),
  'Node 26': node(nodes[26]),
  Bun: { executable: installed('bun/bin/bun.exe'), args: [] },
  Deno: { executable: installed('deno/deno'), args: ['run', '--allow-all'] },
  Workers: { executable: installed('workerd/bin/workerd'), args: [] },
} as const satisfies Record<string, { executable: string; args: readonly string[] }>
export type Runtime = keyof typeof runtimes

/** Runtimes whose package can't be had where the tests run. Whatever else is missing fails them. */
export const knownMissing: readonly Runtime[] = []

export const nodeRuntimes = ['Node 22', 'Node 24', 'Node 26'] as const satisfies readonly Runtime[]
