import { useEffect, useRef, useState } from 'preact/hooks'
import type { ActionView, HelloView } from '../../views.ts'
import { changeValues, type Values } from '../address.ts'
import { Icon } from '../icon.tsx'
import { counted } from '../printed.ts'
import { ActionBar } from './action-bar.tsx'
import { ActionLog, RunningActions } from './action-log.tsx'
import { JobDetails } from './job-details.tsx'
import { JobFilterFields } from './job-filter.tsx'
import { JobTable } from './job-table.tsx'
import { NoJobs } from './no-jobs.tsx'
import { filterOf, matchingOf, useRecords } from './records.ts'

interface ViewProps {
  readonly hello: HelloView | undefined
  readonly actions: readonly ActionView[]
  readonly values: Values
}

/** The records of jobs: by state and name, page by page, each in full, and what may be done with them. */
export function JobsView({ hello, actions, values }: ViewProps) {
  const filter = filterOf(values)
  const { state, job, search } = filter
  // The cursors of the pages before this one.
  const [cursors, setCursors] = useState<readonly string[]>([])
  const [selected, select] = useState<ReadonlySet<string>>(new Set())
  // biome-ignore lint/correctness/useExhaustiveDependencies: other records begin with their first page
  useEffect(() => {
    setCursors([])
    select(new Set())
  }, [state, job, search])
  useReturn(values.open)
  const version = actions.filter(({ endedAt }) => endedAt !== undefined).length
  const { value: page, error, isLoading } = useRecords(filter, cursors.at(-1), version)
  const canWrite = hello?.role === 'write'
  const open = values.open
  const go = (to: readonly string[]) => {
    setCursors(to)
    select(new Set())
  }
  if (hello?.store === 'none') return <NoJobs hasStore={false} />
  return (
    <section class={open === undefined || open === '' ? 'jobs' : 'jobs with-details'} aria-labelledby="jobs-title">
      <div class="job-list">
        <header class="heading">
          <h1 id="jobs-title">
            Jobs <span class="count number">{page && matchingWords(matchingOf(page, filter))}</span>
          </h1>
          {isLoading && page !== undefined && <span class="muted">looking…</span>}
        </header>
        <JobFilterFields filter={filter} counts={page?.counts ?? []} />
        {error !== undefined && (
          <p class="warning grave" role="alert">
            <Icon name="warning" />
            {error.message}
          </p>
        )}
        <RunningActions actions={actions} canWrite={canWrite} />
        {page !== undefined && canWrite && page.jobs.length > 0 && (
          <ActionBar
            selected={selected}
            filter={filter}
            matching={matchingOf(page, filter)}
            onDone={() => select(new Set())}
          />
        )}
        {page !== undefined && page.jobs.length > 0 && (
          <JobTable jobs={page.jobs} selected={selected} onSelect={canWrite ? select : undefined} open={open} />
        )}
        {page?.jobs.length === 0 && (page.counts.length === 0 ? <NoJobs hasStore /> : <NoMatch />)}
        {page !== undefined && (cursors.length > 0 || page.next !== undefined) && (
          <nav class="pager" aria-label="Pages">
            <button type="button" disabled={cursors.length === 0} onClick={() => go(cursors.slice(0, -1))}>
              <Icon name="back" /> Newer
            </button>
            <span class="muted number">page {cursors.length + 1}</span>
            <button type="button" disabled={page.next === undefined} onClick={() => go([...cursors, page.next!])}>
              Older <Icon name="chevron" />
            </button>
          </nav>
        )}
        <ActionLog actions={actions} />
      </div>
      {open !== undefined && open !== '' && <JobDetails key={open} id={open} canWrite={canWrite} version={version} />}
    </section>
  )
}

/** Gives the focus back to the row of a record that was closed, unless another part of the page has it. */
function useReturn(open: string | undefined): void {
  const opened = useRef<string | undefined>(undefined)
  useEffect(() => {
    const closed = opened.current
    opened.current = open
    if (open || !closed || document.activeElement !== document.body) return
    document.querySelector<HTMLElement>(`[data-row="${CSS.escape(closed)}"]`)?.focus()
  }, [open])
}

const matchingWords = (matching: number | undefined) => (matching === undefined ? '' : counted(matching, 'record'))

function NoMatch() {
  return (
    <div class="empty">
      <h3>No record matches</h3>
      <p>Records that are done leave the store at once: they are counted, not listed.</p>
      <button type="button" onClick={() => changeValues({ state: '', job: '', search: '' })}>
        Show all records
      </button>
    </div>
  )
}
