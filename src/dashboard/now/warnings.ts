import { inOneLine } from '../../control-characters.ts'
import type { Overview } from '../../journal/inspection/listed.ts'
import type { Status } from '../../status.ts'
import type { WarningView } from '../views.ts'

/** The age in ms from which on a due task is late, and the time in ms for which the responses that are held may wait. */
const late = 60_000
const longHold = 2000

/** Says in words what is wrong in this process. */
export function warningsOf(status: Status, heldFor: number): WarningView[] {
  const { journalOpen, engineReached, engineAway, oldestAge, held, slowest, paused } = status
  const found: (WarningView | false)[] = [
    !journalOpen && {
      id: 'journal-closed',
      isGrave: true,
      text: 'The folder of the journal could not be opened.',
      advice:
        'Calls of jobs are refused until it can be: see the reports of the process, and make room or set the rights of the folder.',
    },
    !engineReached && {
      id: 'engine-away',
      isGrave: true,
      text: `The engine does not answer${engineAway > 0 ? `, for ${timeText(engineAway)}` : ' yet'}.`,
      advice: 'Calls wait for it, or are refused: look at the server of the engine, and at the way to it.',
    },
    held > 0 &&
      heldFor > longHold && {
        id: 'held-responses',
        isGrave: true,
        text: `${counted(held, 'response')} ${held === 1 ? 'is' : 'are'} held, for ${timeText(heldFor)} without a break.`,
        advice: 'They wait for a slow disk or engine, or for room in the backlog: raise the concurrency, or shed load.',
      },
    oldestAge > late && {
      id: 'late-tasks',
      isGrave: true,
      text: `The oldest task that is due has waited for ${timeText(oldestAge)}.`,
      advice: 'More is deferred than this process runs: look for slow tasks and limits, or add processes.',
    },
    ...slowest.map(({ name, place, worst, count }) => ({
      id: `slow ${name} ${place ?? ''}`,
      isGrave: false,
      text: `The task "${inOneLine(name)}" kept the event loop busy ${count === 1 ? 'once' : `${count} times`}, for up to ${timeText(worst)}. It was deferred at ${place ?? 'a place that was not noted'}.`,
      advice: 'Requests waited meanwhile: split it with await currentTask()?.yield(), or run it as a job in a thread.',
    })),
    ...paused.map(pausedWarning),
  ]
  return found.filter((warning) => warning !== false)
}

/** Says in words what is wrong in a store. */
export function storeWarnings({ counts, suspects, paused }: Overview): WarningView[] {
  const lack = { unknown: 'no living process knows it, in that version', sealed: 'no living process has their key' }
  const stuck = counts.flatMap(({ job, state, count }) =>
    state === 'unknown' || state === 'sealed'
      ? {
          id: `${state} ${job}`,
          isGrave: true,
          text: `${counted(count, 'record')} of "${inOneLine(job)}" can't run: ${lack[state]}.`,
          advice:
            state === 'unknown'
              ? 'Start a process that defines the job, or discard the records.'
              : 'Give a process the key, as previous in encrypt.',
        }
      : [],
  )
  const near = suspects.map(({ id, job, crashes }) => ({
    id: `near-poison ${id}`,
    isGrave: true,
    text: `The record ${id} of "${inOneLine(job)}" ran ${crashes} times when its process ended. Soon it is listed as failed: it may be what ends them.`,
    advice: 'See what the job does with these arguments, or discard the record.',
  }))
  return [...stuck, ...near, ...paused.map(pausedWarning)]
}

/** Says that a part of the store can't be read. */
export function unreadableWarnings(sentences: readonly string[]): WarningView[] {
  return sentences.map((text) => ({
    id: `unreadable ${text}`,
    isGrave: true,
    text,
    advice: 'Its records are left out here.',
  }))
}

function pausedWarning(job: string): WarningView {
  const text = `The job "${inOneLine(job)}" is paused.`
  return {
    id: `paused ${job}`,
    isGrave: false,
    text,
    advice: 'Its calls wait until job.resume(), or npx afterword resume.',
  }
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}

function timeText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}
