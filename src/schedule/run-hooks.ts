import { AfterwordError, describe } from '../errors.ts'
import type { CallTracer } from '../task/record.ts'
import type { CurrentTask, Task } from '../task/task.ts'
import { isThenable } from './thenable.ts'

export type { CallTracer }

declare const ofRun: unique symbol

/**
 * The result of a run, which only `run` returns: a hook that returns something else does not compile.
 *
 * @example
 * const timed: RunHook = async (run, task) => {
 *   const result: RunResult = await run()
 *   console.log(task.name, 'has ended')
 *   return result
 * }
 */
export interface RunResult {
  readonly [ofRun]: unknown
}

/**
 * A hook around each run. The function calls `run`, and returns what that returned, or a promise of it.
 *
 * @example
 * const inTenant: RunHook = (run, task) => tenants.run(tenantOf(task.request?.path), run)
 */
export type RunHook = (run: () => RunResult, task: CurrentTask) => RunResult | PromiseLike<RunResult>

/** A call that has begun, of a hook or of the run in it: it has its value, its error or its promise. */
class InnerRun {
  readonly promise: Promise<unknown> | undefined
  readonly #value: unknown
  readonly #error: unknown
  readonly #failed: boolean = false

  constructor(run: () => unknown) {
    try {
      this.#value = run()
      if (!isThenable(this.#value)) return
      this.promise = Promise.resolve(this.#value)
      // A hook may have dropped the promise: the outcome of the task tells of its rejection.
      this.promise.catch(() => {})
    } catch (error) {
      this.#error = error
      this.#failed = true
    }
  }

  /** The value of the run, or its promise. Throws the error of the run. */
  result(): unknown {
    if (this.#failed) throw this.#error
    return this.promise ?? this.#value
  }
}

/** The hooks around the runs of an instance, in their order: the first one is the outermost. */
export class RunHooks {
  readonly #hooks: readonly RunHook[]

  private constructor(hooks: readonly RunHook[]) {
    this.#hooks = hooks
  }

  /** @returns `undefined` for none: a run then costs a comparison */
  static of(hooks: readonly RunHook[]): RunHooks | undefined {
    return hooks.length === 0 ? undefined : new RunHooks(hooks)
  }

  with(hook: RunHook): RunHooks {
    return new RunHooks([...this.#hooks, hook])
  }

  without(hook: RunHook): RunHooks | undefined {
    return RunHooks.of(this.#hooks.filter((other) => other !== hook))
  }

  /** Calls the function of a task within the hooks. Throws, or rejects, as the innermost does that fails. */
  call(task: Task): unknown {
    return callWithin(this.#hooks, 0, task)
  }
}

interface Hooked {
  hooks: RunHooks | undefined
  tracers: readonly CallTracer[]
}

/** Adds a hook, and a tracer of calls: the last one traces. @returns a function that removes them: runs that have begun go on within the hook */
export function addHook(place: Hooked, hook: RunHook, tracer?: CallTracer): () => void {
  if (typeof hook !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['around', describe(hook)])
  // The same function may be added twice.
  const own: RunHook = (run, task) => hook(run, task)
  place.hooks = place.hooks?.with(own) ?? RunHooks.of([own])
  // The same tracer may be added twice, too.
  const ownTracer: CallTracer | undefined = tracer && {
    call: (job, create) => tracer.call(job, create),
    enqueue: (job, add) => tracer.enqueue(job, add),
  }
  if (ownTracer !== undefined) place.tracers = [...place.tracers, ownTracer]
  return () => {
    place.hooks = place.hooks?.without(own)
    place.tracers = place.tracers.filter((other) => other !== ownTracer)
  }
}

function callWithin(hooks: readonly RunHook[], index: number, task: Task): unknown {
  const hook = hooks[index]
  if (hook === undefined) return task.call()
  let inner: InnerRun | undefined
  const run = () => {
    inner ??= new InnerRun(() => callWithin(hooks, index + 1, task))
    return inner.result() as RunResult
  }
  const outer = new InnerRun(() => hook(run, task))
  if (outer.promise !== undefined || inner?.promise !== undefined) return settled(task, outer, () => inner)
  outer.result()
  return resultOf(task, inner)
}

/** Waits for the hook and for the run, whichever ends first: the next task begins when both have ended. */
async function settled(task: Task, outer: InnerRun, inner: () => InnerRun | undefined): Promise<unknown> {
  await outer.promise?.catch(() => {})
  await inner()?.promise?.catch(() => {})
  await outer.result()
  return resultOf(task, inner())
}

/** The result of the run: a hook that has caught the error of the run can't hide it. */
function resultOf(task: Task, inner: InnerRun | undefined): unknown {
  if (inner === undefined) throw new AfterwordError('AFTERWORD_RUN_SKIPPED', [task.title])
  return inner.result()
}
