import { useEffect, useState } from 'preact/hooks'
import type { JobDetailsView, JobFilter, JobState, JobsPage } from '../../views.ts'
import type { Values } from '../address.ts'
import { ask, order, queryOf, Refused } from '../api.ts'
import { jobStates } from './job-state.tsx'

/** The number of records of a page. */
const pageSize = 50
/** The time in ms after which a page is asked for again, and that for which the typing of a search is waited for. */
const refreshEvery = 4000
const typingPause = 250

/** An answer of the server, or why there is none. The answer before stays until there is another one. */
export interface Answer<T> {
  readonly value?: T
  readonly error?: Error
  readonly isLoading: boolean
}

/** The records that the values of the address ask for. */
export function filterOf({ state, job, search }: Values): JobFilter {
  const known = jobStates.find((each) => each === state)
  return { ...(known && { state: known }), ...(job && { job }), ...(search && { search }) }
}

/** The number of records that match; `undefined` where it is not known. Records are counted seldom: the page may have more. */
export function matchingOf(
  { jobs, matching, counts }: JobsPage,
  { state, job, search }: JobFilter,
): number | undefined {
  if (matching === undefined && search !== undefined) return undefined
  const counted = counts
    .filter((each) => (state ?? each.state) === each.state && (job ?? each.job) === each.job)
    .reduce((sum, { count }) => sum + count, 0)
  return Math.max(matching ?? counted, jobs.length)
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

/** Asks for a record in full, and again while it is looked at. Its arguments are redacted. */
export function useRecord(id: string, version: number): Answer<JobDetailsView> {
  return useAnswer(`jobs/${encodeURIComponent(id)}`, version, 0)
}

/** Asks for the arguments of a record. The log of actions tells who did. */
export async function revealArguments(id: string): Promise<string> {
  return (await order<JobDetailsView>(`jobs/${encodeURIComponent(id)}`, { reveal: true })).args
}

function useAnswer<T>(path: string, version: number, pause: number): Answer<T> {
  const [answer, set] = useState<Answer<T>>({ isLoading: true })
  // biome-ignore lint/correctness/useExhaustiveDependencies: another version is another answer
  useEffect(() => {
    const controller = new AbortController()
    let timer: ReturnType<typeof setTimeout>
    const load = async () => {
      try {
        // A page that is hidden does not work.
        if (!document.hidden) set({ value: await ask<T>(path, controller.signal), isLoading: false })
      } catch (error) {
        if (controller.signal.aborted) return
        set((last) => ({ ...last, error: error as Error, isLoading: false }))
        // A record that is no more does not come back.
        if (error instanceof Refused && error.status === 404) return
      }
      if (!controller.signal.aborted) timer = setTimeout(load, refreshEvery)
    }
    set((last) => ({ ...last, isLoading: true }))
    timer = setTimeout(load, version === 0 ? pause : 0)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [path, version])
  return answer
}
