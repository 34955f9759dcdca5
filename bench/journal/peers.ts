import { type Target, whole } from '../result.ts'
import type { Entry, Samples } from './rounds.ts'

/** In flight where contenders are compared. */
export const level = 128

export interface Peer extends Entry {
  /** The title of the entry that promises as much, and is compared with this one. */
  readonly like: string
  /** The target: how many times as fast Afterword is to be. */
  readonly goal?: number
}

/** Rows of a table: the calls in a second at each level, the CPU time, and how many times as fast Afterword is. */
export function peerRows(samples: Samples, entries: readonly (Entry | Peer)[], levels: readonly number[]): string[][] {
  return entries
    .filter(({ title }) => samples.has(title, level))
    .map((entry) => {
      const { title } = entry
      const cpu = samples.cpu(title, level)
      return [
        title,
        ...levels.map((level) => rate(samples.perSecond(title, level))),
        Number.isNaN(cpu) ? '–' : cpu.toFixed(1),
        'like' in entry ? times(samples, entry) : '–',
      ]
    })
}

export function peerTargets(samples: Samples, peers: readonly Peer[], what: string): Target[] {
  return peers.flatMap((peer) => {
    const { title, like, goal } = peer
    if (goal === undefined) return []
    const ratio = samples.ratio(like, title, level).median
    return [
      {
        what: `${like}: at least ${goal}× the ${what} of ${title}, ${level} in flight`,
        measured: `${ratio.toFixed(1)}×`,
        reached: ratio >= goal,
      },
    ]
  })
}

function times(samples: Samples, { title, like }: Peer): string {
  const { median, min, max } = samples.ratio(like, title, level)
  // In some round none of its calls came to an end.
  if (!Number.isFinite(max)) return '–'
  const digits = median < 10 ? 1 : 0
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`
}

function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : whole(perSecond)
}
