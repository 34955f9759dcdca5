import type { ActionView } from '../../views.ts'
import { count, counted, fullDate } from '../printed.ts'
import { actionWords } from './action-button.tsx'

/** The actions that go on, with their progress. */
export function RunningActions({ actions }: { readonly actions: readonly ActionView[] }) {
  const running = actions.filter(({ endedAt }) => endedAt === undefined)
  return (
    <ul class="going-on" aria-label="Actions that go on" aria-live="polite">
      {running.map(({ id, action, what, done, unchanged, total }) => (
        <li key={id}>
          <span>
            {actionWords[action].word}: {what}
          </span>
          <progress
            max={Math.max(1, total)}
            value={done + unchanged}
            aria-label={`${actionWords[action].word}: ${what}`}
          />
          <span class="number" aria-hidden="true">
            {count(done + unchanged)} of {count(total)}
          </span>
        </li>
      ))}
    </ul>
  )
}

/** The log of actions: who did what. */
export function ActionLog({ actions }: { readonly actions: readonly ActionView[] }) {
  const ended = actions.filter(({ endedAt }) => endedAt !== undefined)
  if (ended.length === 0) return null
  return (
    <section class="block" aria-labelledby="log-title">
      <h2 id="log-title">Action log</h2>
      <section class="table-frame" aria-labelledby="log-title">
        <table>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">Action</th>
              <th scope="col">Result</th>
            </tr>
          </thead>
          <tbody>
            {ended.map((action) => (
              <tr key={action.id}>
                <td class="number nowrap">{fullDate(action.at).replace(/\.\d+$/, '')}</td>
                <td>{action.who ?? 'not named'}</td>
                <td>
                  {actionWords[action.action].word}: {action.what}
                </td>
                <td>{resultOf(action)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}

function resultOf({ action, done, unchanged, isCancelled, error }: ActionView): string {
  if (action === 'reveal') return 'shown'
  const changed = `${counted(done, 'record')} changed${isCancelled ? ', then it was cancelled' : ''}`
  const left = unchanged === 0 ? '' : `, ${count(unchanged)} left: another process was faster`
  return error === undefined ? `${changed}${left}` : `${changed}, then it failed: ${error}`
}
