import { setTimeout as wait } from 'node:timers/promises'
import type { Host } from './host.ts'
import { robberies } from './ledger.ts'
import type { Server } from './server.ts'

export interface KillLoopOptions {
  readonly processes: number
  readonly kills: number
  readonly sync: 'normal' | 'full'
}

/** The result of a kill loop. */
export interface Score {
  readonly answered: number
  /** Answered with something else than a success. */
  readonly refused: number
  /** The codes of what the processes reported. */
  readonly reports: ReadonlySet<unknown>
  /** Answered, or deferred by a job that was, and neither run to the end nor set apart. */
  readonly lost: readonly string[]
  /** Set apart by the journal as poison: they were running at three kills. */
  readonly apart: readonly string[]
  /** Runs of records that had one before. */
  readonly again: number
  /** Runs that began while an earlier runner of the same record was alive. */
  readonly robbed: readonly string[]
}

/** The ways in which a request keeps its job; the job of every third one defers another. */
const ways = [
  '/note/what',
  '/nest/what',
  '/note/what?delay=0',
  '/note/what?late',
  '/nest/what?key',
  '/note/what?key',
  '/note/what?delay=0',
  '/nest/what?delay=0',
  '/note/what?late',
]
const isNesting = (what: string) => ways[(Number(what) + 1) % ways.length]?.startsWith('/nest') ?? false

const clients = 16
/** Between two kills of one of several processes, in ms. */
const meanPause = 200

/** Kills the processes of a host while they serve, at random instants, and starts each anew; then lets one of them run what is left. */
export async function killLoop(host: Host, { processes, kills, sync }: KillLoopOptions): Promise<Score> {
  const answered: string[] = []
  let refused = 0
  let next = 0
  let over = false
  let enough = { count: Infinity, resolve: () => {} }
  const answer = (what: string) => {
    if (answered.push(what) >= enough.count) enough.resolve()
  }
  const answers = (count: number) => new Promise<void>((resolve) => (enough = { count, resolve }))
  const servers = Array.from({ length: processes }, (_, place) => host.launch(`${place}-0`, { sync }))

  const live = async (place: number) => {
    for (let life = 1; ; life++) {
      const server = servers[place] as Server
      await server.program.exited
      if (over) return
      if (server.killedAt === undefined) {
        over = true
        throw new Error(`A server ended by itself: ${server.troubles.join('\n')}`)
      }
      servers[place] = host.launch(`${place}-${life}`, { sync })
    }
  }
  const client = async (place: number) => {
    while (!over) {
      const server = servers[place] as Server
      const what = String(next++)
      const path = ways[next % ways.length]?.replace('what', what) as string
      const status = await server.ask(path).catch(() => undefined)
      if (status === 200) answer(what)
      else if (status !== undefined) refused++
      else await server.program.exited
    }
  }
  const killer = async () => {
    for (let left = kills; left > 0; ) {
      // Amid the others: a random instant of all that a server does for a request.
      await answers(answered.length + 1 + Math.floor(Math.random() * 60))
      // Some of several live for long enough to look for dead siblings.
      if (processes > 1) await wait(-Math.log(1 - Math.random()) * meanPause)
      const living = servers.filter(({ killedAt }) => killedAt === undefined)
      // Most of those that serve, some amid their start, some at once with others.
      const candidates = Math.random() < 0.1 ? living : living.filter(({ isListening }) => isListening)
      const most = Math.min(left, Math.random() < 0.8 ? 1 : Math.ceil(Math.random() * processes))
      const victims = candidates.toSorted(() => Math.random() - 0.5).slice(0, most)
      left -= victims.length
      for (const victim of victims) void victim.kill()
    }
    over = true
    for (const server of servers) void server.kill()
  }
  await Promise.all([
    killer(),
    ...servers.map((_, place) => live(place)),
    ...Array.from({ length: clients }, (_, i) => client(i % processes)),
  ])

  const last = await host.start('last', { sync })
  const poison = (await host.emptied()).flatMap(({ reason, args }) => (reason === 'poison' ? [String(args[0])] : []))
  const apart = poison.filter((what) => host.ledger.of(what).length >= 3)
  await last.close()
  const { runs, ended } = host.ledger
  return {
    answered: answered.length,
    refused,
    reports: host.reports,
    lost: answered
      .flatMap((what) => (isNesting(what) && !apart.includes(what) ? [what, `${what}-nested`] : [what]))
      .filter((what) => !ended.has(what) && !apart.includes(what)),
    apart,
    again: runs.length - new Set(runs.map(({ id }) => id)).size,
    robbed: robberies(runs, host.killed).map((run) => JSON.stringify(run)),
  }
}
