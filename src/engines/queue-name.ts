import { createHash } from 'node:crypto'

/** The beginning of the names of all queues. */
export const prefix = 'afterword/'
/** The most characters of a job's name in the name of its queue. */
const longestName = 200

/**
 * Makes the name of the queue of a job and a version: a process works on the queues of what it knows, and leaves the others to processes
 * that know more. pg-boss takes letters, digits and `_ . - /`; BullMQ all but `:`.
 */
export function queueName(job: string, version: number): string {
  const name = job.replaceAll(/[^\w-]/g, (mark) => `.${mark.charCodeAt(0).toString(16)}.`)
  const short = name.length <= longestName ? name : `${name.slice(0, longestName)}.${digest(job)}`
  return `${prefix}${short}/${version}`
}

/** The job of a queue, by its name; of a long name only the beginning is there. */
export function jobOfQueue(name: string): string {
  const short = name.slice(prefix.length).replace(/\/\d+$/, '')
  return short.replaceAll(/\.([\da-f]{1,4})\./g, (_mark, code) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** The names of the queues of jobs, for each version up to the one that is known: a process understands the earlier ones. */
export function queuesOf(jobs: readonly (readonly [name: string, version: number])[]): string[] {
  return jobs.flatMap(([job, latest]) => Array.from({ length: latest }, (_, index) => queueName(job, index + 1)))
}

/** Makes a text of always the same length of a name or a unique key. */
export function digest(text: string): string {
  // Half a character is told apart from another half.
  return createHash('sha256').update(text, 'utf16le').digest('hex')
}
