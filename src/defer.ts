import type { Defer, Fn } from './defer-signature.ts'
import { AfterwordError, describe } from './errors.ts'
import { type TaskOptions, validateTask } from './options/task-options.ts'
import { addressed } from './schedule/addressed.ts'
import { notePlace } from './schedule/defer-places.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import { sharedConnections } from './schedule/shared-connections.ts'
import { TaskDefinition } from './task/definition.ts'
import type { JobRecord } from './task/record.ts'
import { Scope } from './task/scope.ts'
import { type Deferred, Task } from './task/task.ts'

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
  notePlace(task)
  scope.add(task)
  // A task that runs apart from the response belongs to it all the same: the response leaves when the record is stored.
  if (record !== undefined && scope !== current) current?.expect(record)
  return task
}
