import { AfterwordError, describe } from './errors.ts'
import { type TaskOptions, validateTask } from './options/task-options.ts'
import { addressed } from './schedule/addressed.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import { sharedConnections } from './schedule/shared-connections.ts'
import { TaskDefinition } from './task/definition.ts'
import type { JobRecord } from './task/record.ts'
import { Scope } from './task/scope.ts'
import { type Deferred, Task } from './task/task.ts'

type Fn<A extends unknown[], R> = (...args: A) => R

/** Calls a function with its arguments after the response of the request that was addressed. */
export interface AddressedDefer {
  /** @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_OVERLOADED`, `AFTERWORD_CLOSED` */
  <A extends unknown[], R>(fn: Fn<A, R>, ...args: A): Deferred<Awaited<R>>
  /** Binds options to the call. @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION` */
  with(options: TaskOptions): <A extends unknown[], R>(fn: Fn<A, R>, ...args: A) => Deferred<Awaited<R>>
}

/** Calls a function with its arguments after the response; outside a request, on the next turn. */
export interface Defer extends AddressedDefer {
  /**
   * Addresses a request by what its handler was given, `req`, `res`, `c`, `ctx` or `event`, for callbacks that are called as code of another one:
   * `defer.in(req)(audit, user)`. @throws AfterwordError `AFTERWORD_NOT_A_REQUEST`
   */
  in(address: object): AddressedDefer
}

/** Makes the `defer` of an instance. */
export function createDefer(scheduler: Scheduler): Defer {
  const deferWith = (definition: TaskDefinition) => {
    const { now } = definition.settings
    return <A extends unknown[], R>(fn: Fn<A, R>, ...args: A) => {
      if (typeof fn !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['defer', describe(fn)])
      return addTask(scheduler, definition, fn, args, now) as Deferred<Awaited<R>>
    }
  }
  const plain = deferWith(new TaskDefinition(validateTask('defer', {})))
  const bound = (options: TaskOptions) => deferWith(new TaskDefinition(validateTask('defer.with', options)))
  const within = (address: object) => {
    const at = (call: typeof plain) => addressed('defer.in', address, call as never) as typeof plain
    return Object.assign(at(plain), { with: (options: TaskOptions) => at(bound(options)) })
  }
  return Object.assign(plain, { with: bound, in: within })
}

/**
 * Makes a call a task of the current scope. Without one, or `apart`, the task gets a scope of its own and does not wait for a response.
 * @param record the call as it is stored; the scope hands it to the journal once the task is accepted
 */
export function addTask(
  scheduler: Scheduler,
  definition: TaskDefinition,
  fn: (...args: never[]) => unknown,
  args: readonly unknown[],
  apart: boolean,
  record?: JobRecord,
): Task {
  const current = scheduler.current.scope
  if (current === undefined && !apart) scheduler.missingAdapter.outsideScope(definition.label ?? 'defer')
  if (current?.state === 'idle') sharedConnections.late(definition.label ?? 'defer', current)
  const scope = apart || current === undefined ? new Scope(scheduler) : current
  const task = new Task(scope, definition, fn, args, record)
  scheduler.slowTasks.sample(task)
  scope.add(task)
  // A task that runs apart from the response belongs to it all the same: the response leaves when the record is stored.
  if (record !== undefined && scope !== current) current?.expect(record)
  return task
}
