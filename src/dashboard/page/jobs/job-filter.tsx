import type { JobFilter, JobState, JobsPage } from '../../views.ts'
import { changeValues } from '../address.ts'
import { count } from '../printed.ts'
import { jobStates, meaningOf } from './job-state.tsx'
import { countsOf } from './records.ts'

interface FieldsProps {
  readonly filter: JobFilter
  readonly counts: JobsPage['counts']
}

/** The states that are always shown; the others where there are records. */
const always: ReadonlySet<JobState> = new Set<JobState>(['failed', 'running', 'pending', 'later'])

/** The fields by which records are filtered. They are kept in the address. */
export function JobFilterFields({ filter, counts }: FieldsProps) {
  const byState = countsOf(counts, filter.job)
  const shown = jobStates.filter((state) => always.has(state) || byState.has(state) || filter.state === state)
  const names = [...new Set(counts.map(({ job }) => job))].sort()
  // A name that is asked for is shown, also where no record has it.
  if (filter.job !== undefined && !names.includes(filter.job)) names.push(filter.job)
  return (
    <search class="filter">
      <fieldset class="choices states">
        <legend class="visually-hidden">State</legend>
        {([undefined, ...shown] as const).map((state) => (
          <label key={state ?? 'all'} title={state && meaningOf(state)}>
            <input
              type="radio"
              name="state"
              checked={filter.state === state}
              onChange={() => changeValues({ state: state ?? '', open: '' })}
            />
            <span>
              {state ?? 'all'}
              {state !== undefined && <b class="number">{count(byState.get(state) ?? 0)}</b>}
            </span>
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>Job</span>
        <select value={filter.job ?? ''} onChange={({ currentTarget }) => changeValues({ job: currentTarget.value })}>
          <option value="">any</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="field grow">
        <span>Search: an id, or a part of a job, key or error</span>
        <input
          type="search"
          data-key="/"
          value={filter.search ?? ''}
          onInput={({ currentTarget }) => changeValues({ search: currentTarget.value })}
        />
      </label>
    </search>
  )
}
