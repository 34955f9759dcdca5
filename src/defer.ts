import { AfterwordError, describe } from './errors.ts'
import { type TaskOptions, type TaskSettings, validateTask } from './options/task-options.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import { Scope } from './task/scope.ts'
import { type Deferred, Task } from './task/task.ts'

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
  return Object.assign(deferWith(validateTask('defer', {})), {
    with: (options: TaskOptions) => deferWith(validateTask('defer.with', options)),
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
  if (inScope === undefined && !settings.now) scheduler.missingAdapter.outsideScope(settings.label ?? 'defer')
  const { keep, label = '', version = 1, bound, dispatched = false } = settings
  const key = keyOf(settings, args)
  const record = keep
    ? scheduler.journal?.create({ job: label, version, args, options: bound, uniqueKey: key, asClaim: dispatched })
    : undefined
  const scope = inScope ?? new Scope(scheduler)
  const task = new Task(scope, settings, fn, args, record)
  scheduler.slowTasks.sample(task)
  scope.add(task)
  // What runs apart from the response belongs to it all the same: that leaves when it is stored.
  if (record !== undefined && inScope === undefined) scheduler.scope?.expect(record)
  if (record !== undefined) record.submit((why) => scope.cancel(task, why))
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
