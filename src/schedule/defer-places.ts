import { withStackSettings } from '../stack-settings.ts'
import type { Task } from '../task/task.ts'

/** The number of first tasks whose place is noted; then one in `notedEach`: a stack trace costs as much as dozens of tasks. */
const firstNoted = 100
const notedEach = 1024
/** The most frames between the caller and this module. */
const mostFrames = 18
/** The most places that are remembered. */
const mostKnown = 1000
/** The most characters of a function that stand for its place. */
const mostOfFunction = 80

/** The places by the source of a task: the text of a function tells one closure from another. */
const places = new Map<string, string>()
let left = firstNoted
let calls = 0

/** Notes where a task is deferred, now and then. */
export function notePlace(task: Task): void {
  if (left > 0) left--
  else if (++calls % notedEach !== 0) return
  const { source } = task
  if (places.size >= mostKnown && !places.has(source)) return
  const place = callerPlace()
  if (place !== undefined) places.set(source, place)
}

/** Finds the place where tasks of the same source were deferred, if it was noted. */
export function notedPlace({ source }: Task): string | undefined {
  return places.get(source)
}

/** Finds the place where tasks of the same source were deferred. Where it was not noted, the next ones are: there will be trouble again. */
export function knownPlace({ source }: Task): string | undefined {
  const place = places.get(source)
  if (place === undefined) left = firstNoted
  return place
}

/** Tells where a task was deferred, for a message. A function without a name is told by its beginning, where its place was not noted. */
export function placeOf(task: Task): string {
  const place = knownPlace(task)
  if (place !== undefined) return place
  const unknown = 'a place that was not noted'
  if (task.name !== 'anonymous') return unknown
  const text = task.source.slice(0, 4 * mostOfFunction).replace(/\s+/g, ' ')
  return `${unknown}, with ${text.length > mostOfFunction ? `${text.slice(0, mostOfFunction)}…` : text}`
}

function inLines(_error: unknown, sites: readonly NodeJS.CallSite[]): string {
  return sites.map((site) => `at ${site}`).join('\n')
}

/** Finds the innermost line of the stack that is not in this package. In a bundle there is none. */
function callerPlace(): string | undefined {
  const own = /^file:.*\/(?=schedule\/defer-places\.c?[jt]s$)/.exec(import.meta.url)?.[0]
  if (own === undefined) return undefined
  const { pathname } = new URL(own)
  // Call sites are read as objects unless positions are mapped: the text of the whole stack would cost several times as much.
  const maps = Error.prepareStackTrace !== undefined || process.sourceMapsEnabled
  const prepare = maps ? Error.prepareStackTrace : inLines
  const stack = withStackSettings(mostFrames, prepare, () => new Error().stack ?? '')
  const line = stack
    .split('\n')
    .find((line) => /^\s*at /.test(line) && !/[( ]node:/.test(line) && !line.includes(pathname))
  return line?.replace(/^\s*at /, '')
}
