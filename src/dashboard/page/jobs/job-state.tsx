import type { JobState } from '../../views.ts'
import { Icon, type IconName } from '../icon.tsx'

/** The states of records: the drawing, the word, and how it is said of many. */
const states: Record<JobState, { readonly icon: IconName; readonly word: string; readonly means: string }> = {
  failed: {
    icon: 'failed',
    word: 'failed',
    means: 'All attempts have failed. Kept until somebody retries or discards them.',
  },
  running: { icon: 'running', word: 'running', means: 'A process runs them.' },
  held: { icon: 'lock', word: 'held', means: 'A process has them, and does not tell whether they run.' },
  pending: { icon: 'waiting', word: 'pending', means: 'They can run now.' },
  later: { icon: 'timed-out', word: 'later', means: 'They are delayed, or wait for their next attempt.' },
  queued: { icon: 'waiting', word: 'queued', means: 'They wait behind another one of their lane.' },
  paused: { icon: 'pause', word: 'paused', means: 'Their job is paused.' },
  unknown: { icon: 'unknown', word: 'unknown', means: 'No living process knows their job and version.' },
  sealed: { icon: 'lock', word: 'sealed', means: 'No living process has the key of their encryption.' },
}

/** All states in the order in which they are shown. */
export const jobStates = Object.keys(states) as JobState[]

/** Tells what a state means. */
export const meaningOf = (state: JobState) => states[state].means

/** The state of a record as a drawing and a word. */
export function JobStateWord({ state }: { readonly state: JobState }) {
  const { icon, word, means } = states[state]
  return (
    <span class={`state job-${state}`} title={means}>
      <Icon name={icon} />
      <span>{word}</span>
    </span>
  )
}
