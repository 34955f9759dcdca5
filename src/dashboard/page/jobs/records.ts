import { useEffect, useState } from 'preact/hooks'
import type { JobDetailsView, JobFilter, JobState, JobsPage } from '../../views.ts'
import type { Values } from '../address.ts'
import { ask, order, queryOf } from '../api.ts'
import { jobStates } from './job-state.tsx'

/** The number of records of a page. */
const pageSize = 50
/** The time in ms after which a page is asked for again, and that for which the typing of a search is waited for. */
const refreshEvery = 4000
const typingPause = 250

/** An answer of the server, or why there is none. The answer before stays until there is another one. */
export interface Answer<T> {
  readonly value?: T
  readonly error?: string
  readonly isLoading: boolean
}

/** The records that the values of the address ask for. */
export function filterOf({ state, job, search }: Values): JobFilter {
  const known = jobStates.find((each) => each === state)
  return { ...(known && { state: known }), ...(job && { job }), ...(search && { search }) }
}

/** The number of records that match; `undefined` where it is not known. */
export function matchingOf({ matching, counts }: JobsPage, { state, job, search }: JobFilter): number | undefined {
  if (matching !== undefined || search !== undefined) return matching
  return counts
    .filter((each) => (state ?? each.state) === each.state && (job ?? each.job) === each.job)
    .reduce((sum, { count }) => sum + count, 0)
}

/** The number of records of each state, of one job or of all. */
export function countsOf(counts: JobsPage['counts'], job: string | undefined): ReadonlyMap<JobState, number> {
  const byState = new Map<JobState, number>()
  for (const each of counts) {
    if ((job ?? each.job) === each.job) byState.set(each.state, (byState.get(each.state) ?? 0) + each.count)
  }
  return byState
}

/** Asks for a page of records, and again while it is looked at. @param version asks again when it changes */
export function useRecords(filter: JobFilter, cursor: string | undefined, version: number): Answer<JobsPage> {
  return useAnswer(`jobs${queryOf({ ...filter, cursor, limit: pageSize })}`, version, typingPause)
}

/** Asks for a record in full, and again while it is looked at. What is revealed is asked for once: the server logs it. */
export function useRecord(id: string, isRevealed: boolean, version: number): Answer<JobDetailsView> {
  return useAnswer(`jobs/${encodeURIComponent(id)}`, version, 0, isRevealed)
}

function useAnswer<T>(path: string, version: number, pause: number, isRevealed = false): Answer<T> {
  const [answer, set] = useState<Answer<T>>({ isLoading: true })
  // biome-ignore lint/correctness/useExhaustiveDependencies: another version is another answer
  useEffect(() => {
    const controller = new AbortController()
    let timer: ReturnType<typeof setTimeout>
    const load = async () => {
      try {
        // A page that is hidden does not work.
        if (!document.hidden) {
          const value = isRevealed ? await order<T>(path, { reveal: true }) : await ask<T>(path, controller.signal)
          if (!controller.signal.aborted) set({ value, isLoading: false })
          if (isRevealed) return
        }
      } catch (error) {
        if (!controller.signal.aborted) set((last) => ({ ...last, error: (error as Error).message, isLoading: false }))
      }
      if (!controller.signal.aborted) timer = setTimeout(load, refreshEvery)
    }
    set((last) => ({ ...last, isLoading: true }))
    timer = setTimeout(load, version === 0 ? pause : 0)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [path, version, isRevealed])
  return answer
}
