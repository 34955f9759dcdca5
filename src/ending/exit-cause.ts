import { withStackSettings } from '../stack-settings.ts'

/** The most frames of a stack that are looked through. */
const mostFrames = 50

/** The advice for tasks that are left when the process ends, by what ended it. */
export const advice = {
  /** The shutdown took as long as it may. */
  deadline: 'Raise shutdownTimeout, or make the tasks shorter.',
  /** A further signal came while the first one was still being answered. */
  signal: 'A further signal ended the process at once: the first one alone waits for tasks, for up to shutdownTimeout.',
  error:
    'An error ended the process, which waits for nothing. Work that has to survive that belongs in a job, with a journal.',
  unknown:
    'Await instance().close() before the process ends. Work that has to survive any end belongs in a job, with a journal.',
} as const

/** The advice where the app has called `process.exit`. */
function exitAdvice(place: string | undefined): string {
  const where = place === undefined ? '' : ` at ${place}`
  return `The app called process.exit${where}: await instance().close() before that, or leave it out, for Afterword ends the process when the tasks have ended.`
}

/** Finds out what ends the process. To be called by a listener of its `exit` alone: the stack tells who has called `process.exit`. */
export function adviceAtExit(): string {
  const stack = withStackSettings(mostFrames, undefined, () => new Error().stack ?? '')
  const frames = stack.split('\n')
  const exit = frames.findIndex((frame) => /\bat (process\.)?exit \(/.test(frame))
  if (exit === -1) return frames.some((frame) => frame.includes('node:')) ? advice.error : advice.unknown
  const caller = frames.slice(exit + 1).find((frame) => !/node:|native/.test(frame))
  return exitAdvice(caller?.replace(/^\s*at /, ''))
}
