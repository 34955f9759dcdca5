import { randoms } from '../crash/random.ts'
import type { FaultKind } from './faulty-disk.ts'
import type { Settings } from './programs/settings.ts'

/** An earlier release: the last one with each earlier version of the folder. */
export type Release = 'version1' | 'version2' | 'version3'

/** A place of processes: one lives there after the other. */
export interface PlacePlan extends Pick<Settings, 'cluster' | 'worker'> {
  /** An app by its framework, or `afterword work`. */
  readonly program: Settings['app'] | 'work'
  /** An earlier release. @default the sources as they are */
  readonly release?: Release
}

/** A step of a round, taken when so many further requests have been answered, whatever the answer. */
export type Action = { readonly after: number; readonly pause: number } & (
  | {
      readonly do: 'kill'
      /** The places, by their numbers. */
      readonly places: readonly number[]
      /** Processes of a cluster: all of them, the one that has started the others, or one of those. */
      readonly part: 'all' | 'primary' | 'one'
      /** Successors that are killed as well, each so many ms after its start. */
      readonly starts: readonly number[]
    }
  /** SIGTERM, and SIGKILL after so many ms. */
  | { readonly do: 'terminate'; readonly place: number; readonly killAfter: number | undefined }
  /** SIGSTOP for so many ms, and then SIGCONT or SIGKILL. */
  | { readonly do: 'stop'; readonly place: number; readonly ms: number; readonly end: 'SIGCONT' | 'SIGKILL' }
  | { readonly do: 'fault'; readonly fault: FaultKind; readonly ms: number }
  /** The clock of all processes differs by so many ms from then on. */
  | { readonly do: 'clock'; readonly shift: number }
)

/** A round of chaos: processes on one new folder, what happens to them, and in which order. */
export interface RoundPlan {
  readonly seed: number
  readonly round: number
  readonly layout: keyof typeof layouts
  readonly places: readonly PlacePlan[]
  readonly sync: Settings['sync']
  /** The folder is on a disk that can be filled. */
  readonly smallDisk: boolean
  readonly clock: boolean
  /** An older release has worked in the folder, and was killed. */
  readonly migrates: Release | undefined
  readonly actions: readonly Action[]
  /** The signal with which the processes end in the end. */
  readonly end: 'SIGKILL' | 'SIGTERM'
}

const frameworks = ['http', 'express', 'fastify', 'koa', 'hono', 'http2'] as const
const faults: readonly FaultKind[] = [
  ...([
    'full',
    'full',
    'write-error',
    'sync-error',
    'read-error',
    'open-error',
    'no-files',
    'slow',
    'stalled',
  ] as const),
]
const minute = 60_000

type Draw = ReturnType<typeof draws>

/** Choices from the numbers of a seed. */
function draws(random: () => number) {
  const below = (limit: number) => Math.floor(random() * limit)
  return {
    below,
    chance: (share: number) => random() < share,
    any: <T>(list: readonly T[]) => list[below(list.length)] as T,
    /** Mostly short, sometimes long. */
    time: (mean: number) => Math.round(-Math.log(1 - random()) * mean),
  }
}

const layouts = {
  single: ({ any }: Draw): PlacePlan[] => [{ program: any(frameworks), cluster: 0, worker: true }],
  cluster: ({ any, below }: Draw): PlacePlan[] => [{ program: any(frameworks), cluster: 2 + below(2), worker: true }],
  apps: ({ any, below, chance }: Draw): PlacePlan[] =>
    Array.from({ length: 2 + below(2) }, () => ({ program: any(frameworks), cluster: 0, worker: chance(0.7) })),
  workers: ({ any, below }: Draw): PlacePlan[] => [
    ...Array.from({ length: 1 + below(2) }, () => ({ program: any(frameworks), cluster: 0, worker: false })),
    ...Array.from({ length: 1 + below(2) }, () => ({ program: 'work' as const, cluster: 0, worker: true })),
  ],
}

/** Makes a round of a seed's plan: the same seed and number, the same round. @param most the most actions in it */
export function planRound(seed: number, round: number, most = Infinity): RoundPlan {
  const draw = draws(randoms(seed * 7919 + round * 104_729))
  const { any, below, chance } = draw
  // In turn: a short run has all of them.
  const layout = (['single', 'apps', 'workers', 'cluster'] as const)[(seed + round) % 4] as RoundPlan['layout']
  const places = layouts[layout](draw)
  const migrates = layout !== 'cluster' && chance(0.2) ? any(['version1', 'version2', 'version3'] as const) : undefined
  const clock = chance(0.25)
  const actions = Array.from({ length: 12 + below(6) }, () => planAction(draw, places.length, clock))
  // An older release is followed by processes that are killed amid the migration.
  if (migrates !== undefined) {
    const starts = [below(400), below(400), below(400)]
    actions.unshift({ after: 0, pause: 0, do: 'kill', places: [0], part: 'all', starts })
  }
  return {
    seed,
    round,
    layout,
    places,
    sync: chance(0.4) ? 'full' : 'normal',
    smallDisk: chance(0.4),
    clock,
    migrates,
    actions: actions.slice(0, most),
    end: any(['SIGKILL', 'SIGTERM']),
  }
}

function planAction(draw: Draw, places: number, clock: boolean): Action {
  const { any, below, chance, time } = draw
  const when = { after: 1 + below(80), pause: chance(0.3) ? time(500) : time(60) }
  const kind = below(100)
  if (kind < 60) {
    const all = Array.from({ length: places }, (_, place) => place)
    const one = any(all)
    const some = chance(0.75) ? [one] : all.filter((place) => place === one || chance(0.6))
    const starts = chance(0.3) ? Array.from({ length: 1 + below(3) }, () => below(700)) : []
    return { ...when, do: 'kill', places: some, part: any(['all', 'primary', 'one', 'one']), starts }
  }
  if (kind < 68)
    return { ...when, do: 'terminate', place: below(places), killAfter: chance(0.4) ? time(80) : undefined }
  if (kind < 76) {
    return {
      ...when,
      do: 'stop',
      place: below(places),
      ms: 100 + time(600),
      end: any(['SIGCONT', 'SIGCONT', 'SIGKILL']),
    }
  }
  if (kind < 94 || !clock) return { ...when, do: 'fault', fault: any(faults), ms: 50 + time(600) }
  return { ...when, do: 'clock', shift: any([-1440, -10, 0, 10, 1440]) * minute }
}

/** Describes the processes of a round. */
export function describeRound({ layout, places, sync, smallDisk, clock, migrates }: RoundPlan): string {
  const each = places.map(({ program, cluster, worker }) => {
    return `${program}${cluster > 0 ? ` × ${cluster}` : ''}${worker || program === 'work' ? '' : ' without a worker'}`
  })
  const more = [sync, smallDisk && 'small disk', clock && 'clock', migrates && `folder of ${migrates}`].filter(Boolean)
  return `${layout}: ${each.join(' + ')}; ${more.join(', ')}`
}
