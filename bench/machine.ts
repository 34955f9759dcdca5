import { execFileSync } from 'node:child_process'
import { cpus, release, type } from 'node:os'
import { nodes } from '../tools/nodes.ts'
import { canPin, nodeVersions } from './program.ts'

/** The machine that numbers come from, as one sentence. */
export function machine(): string {
  const cores = cpus()
  const versions = nodeVersions.map((version) =>
    execFileSync(nodes[version], ['--version'], { encoding: 'utf8' }).trim(),
  )
  const date = new Date().toISOString().slice(0, 10)
  return [
    `${cores[0]?.model.trim() ?? 'unknown CPU'}, ${cores.length} cores`,
    `${type()} ${release()}`,
    `Node ${versions.join(' and ')}`,
    canPin ? 'server on core 0, client on core 1' : 'processes not pinned to cores',
    date,
  ].join('; ')
}
