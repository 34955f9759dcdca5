import { useState } from 'preact/hooks'
import type { ActionView } from '../../views.ts'
import { order } from '../api.ts'
import { count, counted, fullDate } from '../printed.ts'
import { Sentence } from '../sentence.tsx'
import { actionWords } from './action-button.tsx'

/** Says an action in words. */
function inWords({ action, what }: ActionView): string {
  return `${action === 'reveal' ? 'Reveal' : actionWords[action].word}: ${what}`
}

interface RunningProps {
  readonly actions: readonly ActionView[]
  readonly canWrite: boolean
}

/** The actions that go on, with their progress. */
export function RunningActions({ actions, canWrite }: RunningProps) {
  const running = actions.filter(({ endedAt }) => endedAt === undefined)
  return (
    <ul class="going-on" aria-label="Actions that go on" aria-live="polite">
      {running.map((action) => (
        <Running key={action.id} action={action} canWrite={canWrite} />
      ))}
    </ul>
  )
}

function Running({ action, canWrite }: { readonly action: ActionView; readonly canWrite: boolean }) {
  const { id, done, unchanged, total } = action
  const [error, setError] = useState('')
  const end = () => {
    order(`actions/${encodeURIComponent(id)}`, { cancel: true }).catch((error: Error) => setError(error.message))
  }
  return (
    <li>
      <Sentence text={inWords(action)} />
      <progress max={Math.max(1, total)} value={done + unchanged} aria-label={inWords(action)} />
      <span class="number" aria-hidden="true">
        {count(done + unchanged)} of {count(total)}
      </span>
      {canWrite && (
        <button type="button" onClick={end}>
          Stop it
        </button>
      )}
      {error !== '' && <span role="alert">{error}</span>}
    </li>
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
                  <Sentence text={inWords(action)} />
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
  const changed = `${counted(done, 'record')} changed`
  const left = unchanged === 0 ? '' : `, ${count(unchanged)} left as they were`
  const end = error !== undefined ? `, then it failed: ${error}` : isCancelled ? ', then it was stopped' : ''
  return `${changed}${left}${end}`
}
