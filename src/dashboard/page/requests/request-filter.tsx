import { changeValues, type Values } from '../address.ts'
import type { RememberedRow } from '../remembered-rows.ts'

const failures: ReadonlySet<string> = new Set(['failed', 'timed-out', 'retrying', 'lost'])

/** The requests that the values of the address ask for. */
export function matching(requests: readonly RememberedRow[], { path, status, job, failed }: Values): RememberedRow[] {
  return requests.filter((request) => {
    if (path && !`${request.method} ${request.path}`.toLowerCase().includes(path.toLowerCase())) return false
    if (status && String(request.status ?? 'open').at(0) !== status.at(0)) return false
    if (job && !request.tasks.some(({ name }) => name === job)) return false
    return !failed || request.tasks.some(({ state }) => failures.has(state))
  })
}

const statuses = [
  ['', 'any'],
  ['2xx', '2xx'],
  ['3xx', '3xx'],
  ['4xx', '4xx'],
  ['5xx', '5xx'],
  ['open', 'not sent yet'],
] as const

/** The fields by which requests are filtered. They are kept in the address. */
export function RequestFilter({
  values,
  requests,
}: {
  readonly values: Values
  readonly requests: readonly RememberedRow[]
}) {
  const names = [...new Set(requests.flatMap(({ tasks }) => tasks.map(({ name }) => name)))].sort()
  // A name that is asked for is shown, also where no request has it.
  if (values.job && !names.includes(values.job)) names.push(values.job)
  return (
    <search class="filter">
      <label class="field grow">
        <span>Path</span>
        <input
          type="search"
          data-key="/"
          placeholder="GET /users"
          value={values.path ?? ''}
          onInput={({ currentTarget }) => changeValues({ path: currentTarget.value })}
        />
      </label>
      <label class="field">
        <span>Status</span>
        <select
          value={values.status ?? ''}
          onChange={({ currentTarget }) => changeValues({ status: currentTarget.value })}
        >
          {statuses.map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Task or job</span>
        <select value={values.job ?? ''} onChange={({ currentTarget }) => changeValues({ job: currentTarget.value })}>
          <option value="">any</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={Boolean(values.failed)}
          onChange={({ currentTarget }) => changeValues({ failed: currentTarget.checked ? '1' : '' })}
        />
        Failures only
      </label>
    </search>
  )
}
