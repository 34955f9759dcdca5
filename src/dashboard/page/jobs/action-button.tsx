import { useState } from 'preact/hooks'
import type { ActionName, ActionRequest, ActionView, JobFilter } from '../../views.ts'
import { order } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { Icon, type IconName } from '../icon.tsx'
import { counted } from '../printed.ts'

/** The actions: their word, their drawing, and what they do. */
export const actionWords: Record<
  ActionView['action'],
  { readonly word: string; readonly icon: IconName; readonly does: string }
> = {
  retry: {
    word: 'Retry',
    icon: 'retry',
    does: 'Records that have failed become pending again, and run as soon as a process has room.',
  },
  run: {
    word: 'Run now',
    icon: 'run',
    does: 'Records that wait for a later time become due. Others stay as they are.',
  },
  discard: {
    word: 'Discard',
    icon: 'discard',
    does: 'The records are deleted, and never run. Nobody can take that back. Those that run stay.',
  },
  reveal: { word: 'Reveal', icon: 'lock', does: 'The arguments are shown to who asks.' },
}

interface ButtonProps {
  readonly action: ActionName
  /** The records; or all that match. */
  readonly ids?: readonly string[] | undefined
  readonly filter?: JobFilter | undefined
  /** The number of records, which is named before anything happens. */
  readonly total: number
  readonly onDone: () => void
}

/** A button that begins an action, after a question that names the number of records. */
export function ActionButton({ action, ids, filter, total, onDone }: ButtonProps) {
  const [isAsking, ask] = useState(false)
  const [error, setError] = useState('')
  const [isSending, send] = useState(false)
  const { word, icon, does } = actionWords[action]
  const what = counted(total, 'record')
  const begin = async () => {
    send(true)
    try {
      const records = ids === undefined ? { filter: filter ?? {} } : { ids }
      await order<ActionView>('actions', { action, ...records, expected: total } satisfies ActionRequest)
      ask(false)
      onDone()
    } catch (error) {
      setError((error as Error).message)
    } finally {
      send(false)
    }
  }
  return (
    <>
      <button
        type="button"
        class={action === 'discard' ? 'grave' : ''}
        disabled={total === 0}
        onClick={() => ask(true)}
      >
        <Icon name={icon} /> {word}
      </button>
      {isAsking && (
        <Dialog title={`${word}: ${what}?`} onClose={() => ask(false)}>
          <p>{does}</p>
          {error !== '' && (
            <p class="warning grave" role="alert">
              <Icon name="warning" />
              {error}
            </p>
          )}
          <div class="actions">
            <button type="button" onClick={() => ask(false)}>
              Leave it
            </button>
            <button
              type="button"
              class={action === 'discard' ? 'grave' : 'strong'}
              disabled={isSending}
              onClick={() => void begin()}
            >
              {word} {what}
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}
