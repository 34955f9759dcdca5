import type { AsyncResource } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { inOneLine } from './control-characters.ts'
import { AfterwordError } from './errors.ts'
import { lostThis } from './lost-this.ts'
import { printedError } from './printed-error.ts'
import { ReportLimit } from './report-limit.ts'
import type { Outcome } from './task/outcome.ts'
import type { Task } from './task/task.ts'

/**
 * The message of each event. Events of a task are sent in the async context of the code that deferred it, arguments included.
 *
 * @example
 * type Ended = Events['task:ended'] // { task, outcome }
 */
export interface Events {
  /** A task was accepted. */
  'task:deferred': { readonly task: Task }
  /** A call of `dispatch` goes to the journal instead, for whichever process has room: there it becomes a task of that `id`. */
  'call:dispatched': { readonly id: string; readonly name: string; readonly args: readonly unknown[] }
  /** A call of a job that another process has left by its end is about to run here: once for each process that takes the call over. */
  'task:recovered': { readonly task: Task }
  /** An attempt begins. */
  'task:started': { readonly task: Task }
  /** An attempt failed or timed out, and another one follows after `delay` ms. */
  'task:retrying': { readonly task: Task; readonly outcome: Outcome; readonly delay: number }
  /** The task has its outcome. */
  'task:ended': { readonly task: Task; readonly outcome: Outcome }
  /** Trouble came up after the response. The report is printed to stderr while no listener is there: of each code and name a few in 10 s. */
  report: {
    readonly error: AfterwordError
    readonly task?: Task | undefined
    /** The place where the task was deferred, for a failure of the task: a line of a stack trace; `undefined` where that is not known. */
    readonly place?: string | undefined
  }
}

/** The channels by event: ordinary `node:diagnostics_channel` channels, named `afterword:` and the event. */
export const channels = {
  'task:deferred': channel('afterword:task:deferred'),
  'call:dispatched': channel('afterword:call:dispatched'),
  'task:recovered': channel('afterword:task:recovered'),
  'task:started': channel('afterword:task:started'),
  'task:retrying': channel('afterword:task:retrying'),
  'task:ended': channel('afterword:task:ended'),
  report: channel('afterword:report'),
} as const satisfies Record<keyof Events, unknown>

/** An event has listeners. On Cloudflare Workers `hasSubscribers` was a function at first, which a message of such a channel must not count as. */
export function isHeard(event: keyof Events): boolean {
  const channel = channels[event]
  const hasSubscribers: unknown = channel.hasSubscribers
  return typeof hasSubscribers === 'function' ? hasSubscribers.call(channel) : hasSubscribers === true
}

/**
 * Listens to an event until the returned function is called.
 * A listener that throws is reported on stderr; a bare `diagnostics_channel` subscriber that throws ends the process
 * (https://nodejs.org/api/diagnostics_channel.html#channelpublishmessage).
 *
 * @example
 * const unsubscribe = subscribe('report', ({ error, task }) => log.error({ err: error, task: task?.name }))
 */
export function subscribe<E extends keyof Events>(event: E, listener: (message: Events[E]) => void): () => void {
  const guarded = (message: unknown) => {
    try {
      listener(message as Events[E])
    } catch (cause) {
      const values = [`subscribe("${event}")`, lostThis(listener, cause)]
      printLimited(new AfterwordError('AFTERWORD_CALLBACK_FAILED', values, { cause }), event)
    }
  }
  channels[event].subscribe(guarded)
  return () => void channels[event].unsubscribe(guarded)
}

/**
 * Reports trouble once, to the listeners, else to stderr. All reports go through here. Never throws.
 * @param context the async context of the request that the report belongs to
 * @param place the place where the task was deferred
 */
export function report(
  error: AfterwordError,
  task?: Task,
  context: AsyncResource | undefined = task?.context,
  place?: string,
): void {
  if (context === undefined) tell(error, task, place)
  else context.runInAsyncScope(tell, undefined, error, task, place)
}

function tell(error: AfterwordError, task: Task | undefined, place: string | undefined): void {
  if (isHeard('report')) {
    try {
      return channels.report.publish({ error, task, place } satisfies Events['report'])
    } catch {
      // Workers let no message be published while a module is evaluated, where jobs are defined: that is printed.
    }
  }
  printLimited(error, task?.name)
}

/** Prints an error in one line, then its cause. Never throws. */
export function print(error: AfterwordError): void {
  console.error(printedError(error))
}

const limit = new ReportLimit((line) => console.error(line))

/** @param name the name of the task; without one the first name in the message, of a batch or a job, tells what the report is about */
function printLimited(error: AfterwordError, name = /"(.*?)"/.exec(error.message)?.[1]): void {
  const kind = name === undefined ? error.code : `${error.code} of ${inOneLine(JSON.stringify(name))}`
  if (limit.admits(kind)) print(error)
}
