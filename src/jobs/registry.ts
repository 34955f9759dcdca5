import { AfterwordError, describe } from '../errors.ts'
import type { TaskSettings } from '../options/task-options.ts'

export type Handler = (...args: never[]) => unknown

/** A job whose calls are kept: what to run for a record that another process has made. */
interface KeptJob {
  readonly version: number
  readonly settings: TaskSettings
  /** The handler for calls of a version of the job. */
  handler(version: number): Handler
}

/** The jobs of an instance, by name: two handlers can't share one, or a stored call could run the wrong one. */
export class Registry {
  readonly #claimed = new Map<string, unknown>()
  readonly #kept = new Map<string, KeptJob>()

  /** @throws AfterwordError `AFTERWORD_INVALID_JOB_NAME`, `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_DUPLICATE_JOB` */
  claim(kind: 'job' | 'batch', name: string, work: unknown): void {
    if (typeof name !== 'string' || name === '') {
      throw new AfterwordError('AFTERWORD_INVALID_JOB_NAME', [kind, describe(name), kind])
    }
    // A module that runs in a thread is known by its URL.
    if (typeof work !== 'function' && typeof work !== 'string') {
      throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', [`${kind}("${name}")`, describe(work)])
    }
    const known = this.#claimed.get(name)
    if (known !== undefined && known !== work) throw new AfterwordError('AFTERWORD_DUPLICATE_JOB', [name])
    this.#claimed.set(name, work)
  }

  keep(name: string, job: KeptJob): void {
    this.#kept.set(name, job)
  }

  kept(name: string): KeptJob | undefined {
    return this.#kept.get(name)
  }

  /** The names and versions of those whose calls are kept. */
  get known(): [name: string, version: number][] {
    return Array.from(this.#kept, ([name, { version }]) => [name, version])
  }
}
