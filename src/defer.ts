import { AfterwordError, describe } from './errors.ts'
import type { Scheduler } from './scheduler.ts'
import { Scope } from './scope.ts'
import { type Deferred, Task } from './task.ts'
import { resolveTask, type TaskOptions, type TaskSettings } from './task-options.ts'

type Fn<A extends unknown[], R> = (...args: A) => R

/** Calls a function with its arguments after the response; outside a request, on the next turn. */
export interface Defer {
  /** @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_OVERLOADED`, `AFTERWORD_CLOSED` */
  <A extends unknown[], R>(fn: Fn<A, R>, ...args: A): Deferred<Awaited<R>>
  /** The same with options. @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION` */
  with(options: TaskOptions): <A extends unknown[], R>(fn: Fn<A, R>, ...args: A) => Deferred<Awaited<R>>
}

export function createDefer(scheduler: Scheduler): Defer {
  const deferWith = (settings: TaskSettings) => {
    return <A extends unknown[], R>(fn: Fn<A, R>, ...args: A) => {
      if (typeof fn !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['defer', describe(fn)])
      return addTask(scheduler, settings, fn, args) as Deferred<Awaited<R>>
    }
  }
  return Object.assign(deferWith(resolveTask('defer', {})), {
    with: (options: TaskOptions) => deferWith(resolveTask('defer.with', options)),
  })
}

/** Finds the scope and adds a task. Without a scope, or with `now`, the task gets one of its own. */
export function addTask(
  scheduler: Scheduler,
  settings: TaskSettings,
  fn: (...args: never[]) => unknown,
  args: readonly unknown[],
): Task {
  const inScope = settings.now ? undefined : scheduler.scope
  if (inScope === undefined && !settings.now) scheduler.stray.suspect(settings.label ?? 'defer')
  const { keep, label = '', version = 1, bound, dispatched = false } = settings
  const key = keyOf(settings, args)
  const record = keep
    ? scheduler.journal?.record({ job: label, version, args, options: bound, key, takesPlace: dispatched })
    : undefined
  const scope = inScope ?? new Scope(scheduler)
  const task = new Task(scope, settings, fn, args, record)
  scheduler.slow.sample(task)
  scope.add(task)
  // What runs apart from the response belongs to it all the same: that leaves when it is stored.
  if (record !== undefined && inScope === undefined) scheduler.scope?.hold(record)
  if (record !== undefined) record.accept((why) => scope.cancel(task, why))
  else if (key !== undefined) {
    task.original = scheduler.claimKey(label, key, task)
    if (task.original !== undefined) scope.cancel(task, 'duplicate')
  }
  return task
}

/** @throws AfterwordError `AFTERWORD_INVALID_OPTION` */
export function keyOf({ key, label }: TaskSettings, args: readonly unknown[]): string | undefined {
  if (typeof key !== 'function') return key
  const made: unknown = key(...(args as never[]))
  if (typeof made === 'string' && made !== '') return made
  throw new AfterwordError('AFTERWORD_INVALID_OPTION', [
    `job("${label}")`,
    'its key',
    'a non-empty string',
    describe(made),
  ])
}
