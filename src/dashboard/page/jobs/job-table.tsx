import type { JobView } from '../../views.ts'
import { changeValues } from '../address.ts'
import { ago, fullDate } from '../printed.ts'
import { serverNow } from '../server-clock.ts'
import { JobStateWord } from './job-state.tsx'

interface TableProps {
  readonly jobs: readonly JobView[]
  readonly selected: ReadonlySet<string>
  /** `undefined` for those who may only read. */
  readonly onSelect: ((selected: ReadonlySet<string>) => void) | undefined
  readonly open: string | undefined
}

/** A page of records. */
export function JobTable({ jobs, selected, onSelect, open }: TableProps) {
  const isAll = jobs.every(({ id }) => selected.has(id))
  return (
    <table class="job-table">
      <caption class="visually-hidden">Records</caption>
      <thead>
        <tr>
          {onSelect && (
            <th scope="col" class="box">
              <input
                type="checkbox"
                aria-label="Select the records of this page"
                checked={isAll}
                onChange={() => onSelect(new Set(isAll ? [] : jobs.map(({ id }) => id)))}
              />
            </th>
          )}
          <th scope="col">State</th>
          <th scope="col">Job</th>
          <th scope="col">Last error</th>
          <th scope="col" class="right">
            Attempt
          </th>
          <th scope="col">When</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <Row key={job.id} job={job} selected={selected} onSelect={onSelect} isOpen={job.id === open} />
        ))}
      </tbody>
    </table>
  )
}

interface RowProps extends Pick<TableProps, 'selected' | 'onSelect'> {
  readonly job: JobView
  readonly isOpen: boolean
}

function Row({ job: { id, job, state, attempt, error, ...dates }, selected, onSelect, isOpen }: RowProps) {
  const toggle = () => {
    const others = new Set(selected)
    if (!others.delete(id)) others.add(id)
    onSelect?.(others)
  }
  return (
    <tr class={isOpen ? 'open' : ''} aria-current={isOpen ? 'true' : undefined}>
      {onSelect && (
        <td class="box">
          <input type="checkbox" aria-label={`Select ${job} ${id}`} checked={selected.has(id)} onChange={toggle} />
        </td>
      )}
      <td class="state-cell">
        <JobStateWord state={state} />
      </td>
      <th scope="row" class="job-cell">
        <button
          type="button"
          class="opener"
          data-row={id}
          aria-expanded={isOpen}
          onClick={() => changeValues({ open: isOpen ? '' : id }, true)}
        >
          <code>{job}</code> <span class="id">{id}</span>
        </button>
      </th>
      <td class="error-cell">{error}</td>
      <td class="right number">{attempt}</td>
      <td class="when-cell">
        <When {...dates} />
      </td>
    </tr>
  )
}

/** The date that matters: of the failure, of the next run, of the call. */
function When({ created, runAt, failedAt }: Pick<JobView, 'created' | 'runAt' | 'failedAt'>) {
  const now = serverNow()
  const [verb, date] =
    failedAt !== undefined
      ? ['failed', failedAt]
      : runAt !== undefined && runAt > now
        ? ['runs', runAt]
        : ['called', created]
  return (
    <time dateTime={new Date(date).toISOString()} title={fullDate(date)}>
      {verb} {ago(date, now)}
    </time>
  )
}
