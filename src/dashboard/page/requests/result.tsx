import { Icon } from '../icon.tsx'
import { counted, duration } from '../printed.ts'
import { isRequest, type RememberedRow, type RememberedTask } from '../remembered-rows.ts'
import { originOf, workAfter } from './bars.ts'

/** The states in the order in which they matter. */
const states = ['failed', 'timed-out', 'lost', 'retrying', 'running', 'waiting', 'kept', 'cancelled', 'done'] as const

type State = RememberedTask['state']

const words: Record<State, string> = {
  failed: 'failed',
  'timed-out': 'timed out',
  lost: 'lost',
  retrying: 'retrying',
  running: 'running',
  waiting: 'waiting',
  kept: 'in the store',
  cancelled: 'cancelled',
  done: 'done',
}

/** A state as a drawing and a word. */
export function StateWord({ state, number }: { readonly state: State; readonly number?: number }) {
  return (
    <span class={`state ${state}`}>
      <Icon name={state} />
      {number !== undefined && <b class="number">{number}</b>}
      <span>{words[state]}</span>
    </span>
  )
}

/** The number of tasks of each state. */
function countsOf(tasks: readonly RememberedTask[]): (readonly [state: State, number: number])[] {
  return states
    .map((state) => [state, tasks.filter((task) => task.state === state).length] as const)
    .filter(([, number]) => number > 0)
}

/** The outcomes of the tasks of a request. */
export function Result({ request }: { readonly request: RememberedRow }) {
  const counts = countsOf(request.tasks)
  if (counts.length === 0) return <span class="muted">nothing deferred</span>
  return (
    <>
      {counts.map(([state, number]) => (
        <StateWord key={state} state={state} number={number} />
      ))}
    </>
  )
}

/** A request in one sentence, for those who do not see its bars. */
export function inWords(request: RememberedRow, elapsed: number): string {
  if (request.tasks.length === 0) return `${clientWords(request, elapsed)} Nothing was deferred.`
  const results = countsOf(request.tasks).map(([state, number]) => `${number} ${words[state]}`)
  const after = duration(workAfter(request, elapsed))
  const tasks = counted(request.tasks.length, 'task')
  if (!isRequest(request)) return `${tasks} outside a request, for ${after}: ${results.join(', ')}.`
  return `${clientWords(request, elapsed)} ${tasks} after the response, for ${after}: ${results.join(', ')}.`
}

function clientWords(request: RememberedRow, elapsed: number): string {
  const waited = duration(originOf(request, elapsed))
  if (request.sent !== undefined) return `The client waited ${waited}.`
  return request.brokenAt === undefined ? `The client has waited ${waited} so far.` : 'The client got no answer.'
}
