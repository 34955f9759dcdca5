import { AfterwordError, describe } from '../errors.ts'
import { report } from '../events.ts'
import type { Limiter } from '../schedule/limiter.ts'
import type { Journal } from '../task/record.ts'
import type { JobDefinition } from './definition.ts'
import type { DefinitionSite } from './definition-site.ts'
import type { Pause } from './pause.ts'

/** The latest definition of a name. */
interface Entry {
  /** The handler, or the URL of the module of a job that runs in a thread. */
  readonly work: unknown
  readonly site: DefinitionSite | undefined
  readonly definition: JobDefinition
}

/**
 * The registry knows the jobs of an instance by name. A module that is evaluated again defines its jobs again: the latest definition runs
 * what is stored, the calls of an earlier one go on with theirs.
 */
export class Registry {
  /** The pauses of jobs, each one for all definitions of its job. */
  readonly pauses = new Map<string, Pause>()
  /** The jobs that are paused in all processes of the journal. */
  paused: ReadonlySet<string> = new Set()
  #journal: Journal | undefined
  readonly #entries = new Map<string, Entry>()
  readonly #kept = new Map<string, JobDefinition>()
  readonly #limited = new Set<string>()
  readonly #reported = new Set<string>()

  /** The journal that keeps calls, if there is one. */
  get journal(): Journal | undefined {
    return this.#journal
  }

  /** @throws AfterwordError `AFTERWORD_ENGINE_LACKS` where a job is defined already that the journal can't keep */
  set journal(journal: Journal | undefined) {
    try {
      for (const { name, settings } of this.#kept.values()) journal?.check?.(name, settings)
    } catch (error) {
      void journal?.close(0)
      throw error
    }
    this.#journal = journal
  }

  /** @throws AfterwordError `AFTERWORD_INVALID_JOB_NAME`, `AFTERWORD_NOT_A_FUNCTION` */
  validate(kind: 'job' | 'batch', name: string, work: unknown): void {
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
  }

  /** The limiter of the job so far: it counts the runs of all definitions of a job. */
  limiterOf(name: string, work: unknown, site: DefinitionSite | undefined): Limiter | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined || isAnother(entry, work, site)) return undefined
    return entry.definition.tasks.limiter as Limiter | undefined
  }

  /**
   * Adds a definition, in place of an earlier one of that name. Reports once that another job has the name.
   * @throws AfterwordError `AFTERWORD_ENGINE_LACKS`
   */
  add(definition: JobDefinition, work: unknown, site: DefinitionSite | undefined): void {
    const { name, settings } = definition
    if (settings.keep) this.#journal?.check?.(name, settings)
    const entry = this.#entries.get(name)
    if (entry !== undefined && !this.#reported.has(name) && isAnother(entry, work, site)) {
      this.#reported.add(name)
      report(new AfterwordError('AFTERWORD_DUPLICATE_JOB', [name, entry.site, site]))
    }
    this.#entries.set(name, { work, site, definition })
    if (settings.keep) this.#keep(definition)
    else this.#forget(name)
  }

  /** Adds a definition that was made before the registry was emptied, as one of its calls is kept. @returns whether it was unknown */
  restore(definition: JobDefinition): boolean {
    if (this.#kept.has(definition.name)) return false
    this.#keep(definition)
    return true
  }

  #keep(definition: JobDefinition): void {
    this.#forget(definition.name)
    this.#kept.set(definition.name, definition)
    if (definition.tasks.limiter !== undefined) this.#limited.add(definition.name)
  }

  #forget(name: string): void {
    this.#kept.delete(name)
    this.#limited.delete(name)
  }

  /** A job whose calls are kept. */
  find(name: string): JobDefinition | undefined {
    return this.#kept.get(name)
  }

  /** The names of the kept jobs that have a limiter. */
  get limited(): string[] {
    return [...this.#limited]
  }

  /** The names of the jobs that are paused, in this process or in all of them. */
  get pausedJobs(): string[] {
    const here = Array.from(this.pauses).flatMap(([name, { isOn }]) => (isOn ? [name] : []))
    return [...new Set([...here, ...this.paused])].sort()
  }

  /** The names and versions of the jobs whose calls are kept. */
  get known(): [name: string, version: number][] {
    return Array.from(this.#kept.values(), ({ name, latest }) => [name, latest])
  }

  /** Forgets all jobs, their pauses, and the journal. */
  clear(): void {
    this.#journal = undefined
    this.paused = new Set()
    for (const pause of this.pauses.values()) pause.clear()
    for (const known of [this.#entries, this.#kept, this.#limited, this.#reported]) known.clear()
  }
}

/** A definition is that of another job, as far as can be told. */
function isAnother(entry: Entry, work: unknown, site: DefinitionSite | undefined): boolean {
  if (entry.work === work || entry.site === undefined || site === undefined) return false
  return site.definesAnotherThan(entry.site, String(entry.work) === String(work))
}
