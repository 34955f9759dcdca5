import { useState } from 'preact/hooks'
import type { JobFilter } from '../../views.ts'
import { count, counted } from '../printed.ts'
import { ActionButton } from './action-button.tsx'

interface BarProps {
  readonly selected: ReadonlySet<string>
  readonly filter: JobFilter
  readonly matching: number | undefined
  readonly onDone: () => void
}

/** The actions for the records that are selected, or for all that match. */
export function ActionBar({ selected, filter, matching, onDone }: BarProps) {
  const [isAll, takeAll] = useState(false)
  const takesAll = isAll && selected.size === 0 && matching !== undefined
  const total = takesAll ? matching : selected.size
  const records = takesAll ? { filter } : { ids: [...selected] }
  const done = () => {
    takeAll(false)
    onDone()
  }
  return (
    <fieldset class="action-bar">
      <legend class="visually-hidden">Actions</legend>
      <p role="status">
        {total === 0
          ? 'Select records, or '
          : `${takesAll ? 'All' : ''} ${counted(total, 'record')} ${takesAll ? 'that match' : 'selected'}`}
        {total === 0 && matching !== undefined && (
          <button type="button" class="link" onClick={() => takeAll(true)}>
            take all {count(matching)} that match
          </button>
        )}
        {total === 0 && matching === undefined && 'narrow the filter: all that match are too many to count'}
      </p>
      {takesAll && (
        <button type="button" class="link" onClick={() => takeAll(false)}>
          none
        </button>
      )}
      <ActionButton action="retry" {...records} total={total} onDone={done} />
      <ActionButton action="run" {...records} total={total} onDone={done} />
      <ActionButton action="discard" {...records} total={total} onDone={done} />
    </fieldset>
  )
}
