import { Afterword, configure, job } from 'afterword'
import { answer } from '../program.ts'

/** The preparation of a process before it idles. */
export interface Preparation {
  /** Without a folder the process has no journal. */
  readonly folder?: string
  readonly jobs: number
  /** The number of slots that the process takes in the folder, and leaves behind when it is killed. */
  readonly slots: number
}

/** Answered with the id of the process, once its first job has run. */
answer<Preparation, number>(async ({ folder, jobs, slots }) => {
  if (folder !== undefined) configure({ journal: folder })
  const defined = Array.from({ length: jobs }, (_, i) => job(`job-${i}`, () => {}))
  await defined[0]?.defer().outcome
  for (let slot = 1; slot < slots; slot++) {
    const other = new Afterword({ journal: folder as string })
    await other.job('other', () => {}).defer().outcome
  }
  return process.pid
})
