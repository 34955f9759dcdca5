import { AfterwordError, describe } from '../errors.ts'
import type { Journal } from '../task/record.ts'
import type { JobDefinition } from './definition.ts'

/** The registry knows the jobs of an instance by name: two handlers can't share one, or a stored call could run the wrong one. */
export class Registry {
  /** The journal that keeps calls, if there is one. */
  journal: Journal | undefined
  readonly #claimed = new Map<string, unknown>()
  readonly #kept = new Map<string, JobDefinition>()
  readonly #limited = new Set<string>()

  /** @throws AfterwordError `AFTERWORD_INVALID_JOB_NAME`, `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_DUPLICATE_JOB` */
  claim(kind: 'job' | 'batch', name: string, work: unknown): void {
    if (typeof name !== 'string' || name === '') {
      throw new AfterwordError('AFTERWORD_INVALID_JOB_NAME', [kind, describe(name), kind])
    }
    // A database could not tell such names apart.
    if (name.includes('\0') || !name.isWellFormed()) {
      throw new AfterwordError('AFTERWORD_INVALID_JOB_NAME', [
        kind,
        `${describe(name)}, with NUL or half a character`,
        kind,
      ])
    }
    // The work of a job that runs in a thread is the URL of a module.
    if (typeof work !== 'function' && typeof work !== 'string') {
      throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', [`${kind}("${name}")`, describe(work)])
    }
    const known = this.#claimed.get(name)
    if (known !== undefined && known !== work) throw new AfterwordError('AFTERWORD_DUPLICATE_JOB', [name])
    this.#claimed.set(name, work)
  }

  /** Adds a job whose calls are kept. */
  add(definition: JobDefinition): void {
    this.#kept.set(definition.name, definition)
    if (definition.tasks.limiter !== undefined) this.#limited.add(definition.name)
  }

  /** A job whose calls are kept. */
  find(name: string): JobDefinition | undefined {
    return this.#kept.get(name)
  }

  /** The names of the kept jobs that have a limiter. */
  get limited(): string[] {
    return [...this.#limited]
  }

  /** The names and versions of the jobs whose calls are kept. */
  get known(): [name: string, version: number][] {
    return Array.from(this.#kept.values(), ({ name, latest }) => [name, latest])
  }
}
