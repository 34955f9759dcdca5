import type { WarningView } from '../../views.ts'
import { Icon } from '../icon.tsx'
import { Sentence } from '../sentence.tsx'

/** The warnings in words: what is wrong, and what to do next. */
export function Warnings({ warnings }: { readonly warnings: readonly WarningView[] }) {
  return (
    <ul class="warnings" aria-label="Warnings" aria-live="polite">
      {warnings.map(({ id, isGrave, text, advice }) => (
        <li key={id} class={isGrave ? 'warning grave' : 'warning'}>
          <Icon name={isGrave ? 'warning' : 'notice'} />
          <div>
            <p>
              <Sentence text={text} />
            </p>
            {advice !== '' && <p>{advice}</p>}
          </div>
        </li>
      ))}
    </ul>
  )
}
