import { inOneLine } from '../../control-characters.ts'
import { noPauses } from '../../engines/no-pauses.ts'
import { JobPauses } from '../../journal/job-pauses.ts'
import { engineOf } from '../../stores/engine-url.ts'
import { type Command, onStore } from '../command.ts'
import { jsonArray } from '../table.ts'
import { complain } from '../terminal.ts'

export const pause = changing({
  does: 'let no run of a job begin, in whichever process',
  isPaused: true,
  become: 'paused',
  not: 'not paused',
})
export const resume = changing({
  does: 'end the pause of a job',
  isPaused: false,
  become: 'paused no more',
  not: 'not paused',
})

interface Changing {
  readonly does: string
  readonly isPaused: boolean
  /** The end of the sentence on a job that was changed, and on one that was not. */
  readonly become: string
  readonly not: string
}

async function openPauses(place: string): Promise<JobPauses> {
  const engine = engineOf(place)
  if (engine !== undefined) throw noPauses(engine)
  return new JobPauses(place)
}

/** Makes a command that pauses jobs, or resumes them. */
function changing({ does, isPaused, become, not }: Changing): Command {
  return {
    takes: '<folder> <job>',
    does,
    place: 'folder',
    options: ['json'],
    wrong: ({ ids }) => (ids.length > 0 && !ids.includes('') ? undefined : 'expects names of jobs'),
    run: onStore(openPauses, async function* (pauses, { ids: jobs, json }) {
      const changed = await pauses.set(jobs, isPaused)
      if (json) yield* jsonArray([changed], ({ job, done }) => ({ job, done }))
      else yield changed.map(({ job, done }) => `"${inOneLine(job)}" is ${done ? become : not}.\n`).join('')
      for (const { job, isUnknown } of changed) {
        if (isUnknown) complain(`No living process knows a job "${inOneLine(job)}" whose calls are kept.`)
      }
      return changed.every(({ done }) => done)
    }),
  }
}
