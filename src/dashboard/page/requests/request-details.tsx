import { duration, fullDate } from '../printed.ts'
import { isRequest, type RememberedRow, type RememberedTask } from '../remembered-rows.ts'
import { Names } from '../sentence.tsx'
import { barsOf, dueOf, originOf, workAfter } from './bars.ts'
import { StateWord } from './result.tsx'
import { Axis, Lane, Strip, Waited } from './strip.tsx'
import { TimeScale } from './time-scale.ts'

interface DetailsProps {
  readonly request: RememberedRow
  readonly elapsed: number
  /** The place of the end of the scale. */
  readonly end: number
}

/** A request in full: a scale of its own, a row for each task, and the errors. */
export function RequestDetails({ request, elapsed, end }: DetailsProps) {
  const origin = originOf(request, elapsed)
  const scale = new TimeScale(origin, workAfter(request, elapsed), end)
  const isSent = isRequest(request) && request.sent !== undefined
  return (
    <div class="details">
      <ol class="tasks">
        {isRequest(request) && (
          <li class="task client">
            <span class="name">the client</span>
            <Strip isSent={isSent}>
              <Waited scale={scale} waited={origin} isOpen={!isSent && request.brokenAt === undefined} />
            </Strip>
            <span class="task-result">{clientWords(request)}</span>
          </li>
        )}
        {request.tasks.map((task) => (
          <li class="task" key={task.id}>
            <span class="name">
              <code title={task.name}>{task.name}</code>
              <span class="tag">{task.isKept ? 'kept' : 'in memory'}</span>
            </span>
            <Strip isSent={isSent}>
              <Lane scale={scale} bars={barsOf(task, origin, elapsed)} />
            </Strip>
            <span class="task-result">
              <StateWord state={task.state} /> <span class="number">{runOf(task, elapsed)}</span>
              <span class="waits number">
                {task.runBy === undefined ? waitOf(task, origin) : `in process ${task.runBy}`}
              </span>
            </span>
          </li>
        ))}
        <li class="task foot" aria-hidden="true">
          <span />
          <Axis scale={scale} />
          <span />
        </li>
      </ol>
      {request.tasks.map((task) => (
        <Failures key={task.id} task={task} />
      ))}
      <p class="facts">
        {isRequest(request) ? 'Came in' : 'Began'} {fullDate(request.at)} · process {request.pid}
        {placesOf(request.tasks).map(([place, names]) => (
          <span key={place}>
            {' '}
            · deferred at <code>{place}</code>: <Names names={names} />
          </span>
        ))}
      </p>
    </div>
  )
}

/** The places in the code where the tasks were deferred, each with their names. */
function placesOf(tasks: readonly RememberedTask[]): [place: string, names: string[]][] {
  const known = tasks.filter(({ place }) => place !== undefined)
  const places = Map.groupBy(known, ({ place }) => place!)
  return [...places].map(([place, tasks]) => [place, [...new Set(tasks.map(({ name }) => name))]])
}

function clientWords({ sent, status, delivered, brokenAt }: RememberedRow): string {
  if (sent === undefined) return brokenAt === undefined ? 'waits' : 'got no answer'
  return delivered === false ? 'had gone' : `has its ${status}`
}

/** The time of the last attempt, and which one it was. */
function runOf({ attempts }: RememberedTask, elapsed: number): string {
  const last = attempts.at(-1)
  if (last === undefined) return ''
  const time = duration((last.to ?? elapsed) - last.from)
  return attempts.length === 1 ? time : `${time}, attempt ${attempts.length}`
}

/** The wait for the first attempt, or the reason why there was none. */
function waitOf(task: RememberedTask, origin: number): string {
  const [first] = task.attempts
  return first === undefined ? (task.reason ?? '') : `waited ${duration(first.from - dueOf(task, origin))}`
}

/** The errors of a task. Attempts in a row that failed alike are told once. */
function Failures({ task: { name, attempts } }: { readonly task: RememberedTask }) {
  const failures: { first: number; last: number; error: string }[] = []
  for (const [index, { error }] of attempts.entries()) {
    const attempt = index + 1
    if (error === undefined) continue
    const before = failures.at(-1)
    if (before?.error === error && before.last === attempt - 1) before.last = attempt
    else failures.push({ first: attempt, last: attempt, error })
  }
  return (
    <>
      {failures.map(({ first, last, error }) => (
        <div class="failure" key={first}>
          <p>
            <code>{name}</code>, {first === last ? `attempt ${first}` : `attempts ${first} to ${last}`}
          </p>
          <pre>{error}</pre>
        </div>
      ))}
    </>
  )
}
