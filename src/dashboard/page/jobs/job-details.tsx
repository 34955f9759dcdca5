import { useEffect, useRef, useState } from 'preact/hooks'
import type { ActionName, JobDetailsView, JobState } from '../../views.ts'
import { changeValues } from '../address.ts'
import { Refused } from '../api.ts'
import { Icon } from '../icon.tsx'
import { duration, fullDate } from '../printed.ts'
import { ActionButton } from './action-button.tsx'
import { JobStateWord } from './job-state.tsx'
import { revealArguments, useRecord } from './records.ts'

interface DetailsProps {
  readonly id: string
  readonly canWrite: boolean
  readonly version: number
}

/** A record in full. */
export function JobDetails({ id, canWrite, version }: DetailsProps) {
  const { value: job, error } = useRecord(id, version)
  const heading = useRef<HTMLHeadingElement>(null)
  // The details stand behind all rows, or in their place: the focus goes with them.
  useEffect(() => heading.current?.focus(), [])
  return (
    <aside class="job-details" aria-labelledby="job-title">
      <header>
        <h2 id="job-title" ref={heading} tabIndex={-1}>
          <code>{job?.job ?? 'Record'}</code> <span class="id">{id}</span>
        </h2>
        <button type="button" class="plain square" data-key="Escape" onClick={() => changeValues({ open: '' }, true)}>
          <Icon name="close" />
          <span class="visually-hidden">Close the record</span>
        </button>
      </header>
      {error !== undefined && (
        <p class="warning" role="alert">
          <Icon name="notice" />
          {error instanceof Refused && error.status === 404
            ? 'The store has this record no more: it is done, or somebody has discarded it.'
            : error.message}
        </p>
      )}
      {job !== undefined && error === undefined && (
        <>
          <p class="job-state-line">
            <JobStateWord state={job.state} />{' '}
            {job.reason !== undefined && job.reason !== job.state && (
              <>
                (<bdi>{job.reason}</bdi>){' '}
              </>
            )}
            {job.attempt > 0 && <span class="muted">attempt {job.attempt}</span>}
          </p>
          {canWrite && (
            <div class="actions">
              {possible(job.state).map((action) => (
                <ActionButton key={action} action={action} ids={[id]} total={1} onDone={() => {}} />
              ))}
            </div>
          )}
          <History job={job} />
          {job.stack !== undefined && (
            <section>
              <h3>Last error</h3>
              <pre class="stack">{job.stack}</pre>
            </section>
          )}
          <Arguments job={job} canWrite={canWrite} />
          <Facts job={job} />
        </>
      )}
    </aside>
  )
}

/** The actions that make sense in a state. */
function possible(state: JobState): readonly ActionName[] {
  if (state === 'failed') return ['retry', 'discard']
  if (state === 'running' || state === 'held') return []
  return state === 'later' ? ['run', 'discard'] : ['discard']
}

/** The arguments of a record, redacted until somebody wants to see them. */
function Arguments({ job, canWrite }: { readonly job: JobDetailsView; readonly canWrite: boolean }) {
  const [revealed, show] = useState<string | undefined>(undefined)
  const [error, setError] = useState('')
  const reveal = () => revealArguments(job.id).then(show, (error: Error) => setError(error.message))
  return (
    <section>
      <h3>Arguments</h3>
      <pre>{revealed ?? job.args}</pre>
      {canWrite && revealed === undefined && (
        <button type="button" onClick={() => void reveal()}>
          <Icon name="lock" /> Reveal the arguments
        </button>
      )}
      {error !== '' && <p role="alert">{error}</p>}
    </section>
  )
}

/** The states of a record as a timeline. */
function History({ job: { history } }: { readonly job: JobDetailsView }) {
  if (history.length === 0) return null
  return (
    <section>
      <h3>States</h3>
      <ol class="history">
        {history.map(({ at, state, text }, index) => (
          <li key={`${at}-${state}`} class={`job-${state}`}>
            <b>{state}</b>{' '}
            <time class="muted number" dateTime={new Date(at).toISOString()}>
              {fullDate(at)}
              {index > 0 && `, ${duration(at - history[0]!.at)} after the call`}
            </time>
            {text !== undefined && <p>{text}</p>}
          </li>
        ))}
      </ol>
    </section>
  )
}

function Facts({ job }: { readonly job: JobDetailsView }) {
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ['Called', fullDate(job.created)],
    ['Runs at', job.runAt && fullDate(job.runAt)],
    ['Failed', job.failedAt && fullDate(job.failedAt)],
    ['Process', job.pid],
    ['Unique key', job.key],
    ['Lane', job.lane],
    ['Version', job.version],
    ['Options', job.options],
  ]
  return (
    <section>
      <h3>Record</h3>
      <dl class="record-facts">
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  )
}
