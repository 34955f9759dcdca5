/** The story of a sign-up. Times are ms since its request came in. */
export interface Entry {
  readonly id: string
  readonly name: string
  readonly email: string
  /** The order: the four things run before the answer, or after it. */
  readonly way: 'before' | 'after'
  readonly receivedAt: string
  /** The moment at which the request came in, by the clock of the machine. */
  readonly start: number
  /** The age of the entry when it was sent to the page. */
  elapsed: number
  sent?: { readonly at: number; readonly status: number }
  readonly steps: Step[]
  /** The reports of the library. */
  readonly reports: string[]
  /** The processes that had to do with it, in order. The first one got the request; one that was killed has an end. */
  readonly processes: { readonly pid: number; readonly from: number; to?: number }[]
}

/** The states in which there is something left to do. */
const unfinished: readonly string[] = ['waiting', 'running', 'retrying'] satisfies Step['state'][]

type Status = 'done' | 'failed' | 'timed-out' | 'cancelled'

/** One of the four things. */
export interface Step {
  readonly name: string
  /** The journal keeps the call. */
  readonly kept: boolean
  state: 'waiting' | 'running' | 'retrying' | 'lost' | Status
  readonly attempts: Attempt[]
}

interface Attempt {
  readonly from: number
  readonly pid: number
  to?: number
  status?: Status | 'killed'
}

/** The number of entries that are kept. */
export const most = 12

/** The time in ms by a clock that all processes of the machine share. */
export const clock = (): number => performance.timeOrigin + performance.now()

/** Tells that nothing is left to do. A request whose process was killed before the answer gets none. */
export function isOver({ sent, steps, processes }: Entry): boolean {
  const isAnswered = sent !== undefined || processes[0]?.to !== undefined
  return isAnswered && !steps.some(({ state }) => unfinished.includes(state))
}

/** Writes into the stories that are not over that their process was killed: nobody else has what it had in memory. */
export function noteKill(entries: Iterable<Entry>): void {
  for (const entry of entries) {
    if (isOver(entry)) continue
    const to = clock() - entry.start
    Object.assign(entry.processes.at(-1)!, { to })
    for (const step of entry.steps.filter(({ state }) => unfinished.includes(state))) {
      const attempt = step.attempts.at(-1)
      if (step.state === 'running' && attempt !== undefined) Object.assign(attempt, { to, status: 'killed' })
      step.state = step.kept ? 'waiting' : 'lost'
    }
  }
}
