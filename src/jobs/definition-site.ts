import { withStackSettings } from '../stack-settings.ts'

// The place in the source where a job is defined tells two jobs of one name apart: the identity of a function does not, for a module
// may be evaluated again, by a hot reload, or in each of the bundles that it is a part of.

/** The part of a V8 call site that is read: https://v8.dev/docs/stack-trace-api. Bun and Deno lack the hash, which is of the text of the script. */
interface CallSite {
  getFileName(): string | null | undefined
  getScriptNameOrSourceURL?(): string | null
  getLineNumber(): number | null
  getColumnNumber(): number | null
  getFunctionName(): string | null
  getScriptHash?(): string
}

type Called = (...args: never[]) => unknown

/** Lines of minified code are long: a position in one does not tell its source. */
const longestColumn = 200

/** A definition site is a place in the source that calls `job` or `batch`. */
export class DefinitionSite {
  readonly #file: string
  readonly #line: number
  readonly #column: number
  readonly #hash: string | undefined
  /** The module that has called the function with this site in it: an app may define its jobs by a function of its own. */
  readonly #caller: DefinitionSite | undefined

  private constructor(site: CallSite, caller?: DefinitionSite) {
    const file = site.getScriptNameOrSourceURL?.() ?? site.getFileName() ?? ''
    const [line, column] = [site.getLineNumber() ?? 0, site.getColumnNumber() ?? 0]
    const source = sourceOf(file, line, column)
    this.#file = normalized(source?.file ?? file)
    this.#line = source?.line ?? line
    this.#column = source?.column ?? column
    this.#hash = site.getScriptHash?.()
    this.#caller = caller
  }

  /** Finds the site on the stack; `undefined` where its source can't be told. @param called the function that the site calls */
  static of(called: Called): DefinitionSite | undefined {
    const [site, caller] = callSites(called)
    if (site === undefined) return undefined
    const isModule =
      caller?.getFunctionName() === null && !/^node:|[\\/]node_modules[\\/]/.test(caller.getFileName() ?? 'node:')
    const found = new DefinitionSite(site, isModule ? new DefinitionSite(caller) : undefined)
    return found.#isTold ? found : undefined
  }

  get #isTold(): boolean {
    return (
      this.#file !== '' && this.#column <= longestColumn && !/[\\/]\.next[\\/]|\[root-of-the-server\]/.test(this.#file)
    )
  }

  /** Another place defines another job. The same place may define a second one by a function of the app: then its code differs. */
  definesAnotherThan(other: DefinitionSite, isSameCode: boolean): boolean {
    if (this.#isElsewhereThan(other)) return true
    if (isSameCode || this.#caller === undefined || other.#caller === undefined) return false
    return this.#caller.#isElsewhereThan(other.#caller)
  }

  /** Lines of one file differ as well when it is edited and evaluated again: then its text differs. */
  #isElsewhereThan(other: DefinitionSite): boolean {
    if (this.#file !== other.#file) return true
    const isMoved = this.#line !== other.#line || this.#column !== other.#column
    return isMoved && this.#hash !== undefined && this.#hash === other.#hash
  }

  toString(): string {
    const place = `${this.#file}:${this.#line}:${this.#column}`
    return this.#caller === undefined ? place : `${place} (called at ${this.#caller})`
  }
}

/** Reads the two innermost call sites outside of a function; none where the stack can't be read, as with `--frozen-intrinsics`. */
function callSites(called: Called): CallSite[] {
  const holder: { stack?: unknown } = {}
  const sites = withStackSettings(
    2,
    (_error, sites) => sites,
    () => {
      Error.captureStackTrace(holder, called)
      return holder.stack
    },
  )
  return Array.isArray(sites) ? sites : []
}

/** Finds the place in the source of compiled code, where the process reads source maps. */
function sourceOf(file: string, line: number, column: number) {
  if (!globalThis.process?.sourceMapsEnabled) return undefined
  const map = process.getBuiltinModule?.('node:module')?.findSourceMap?.(file)
  const entry = map?.findEntry(line - 1, column - 1)
  if (entry === undefined || !('originalSource' in entry)) return undefined
  return { file: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 }
}

/**
 * Names a file alike however it was loaded: by a path or a URL, with a query that makes a module new, in a layer of a bundle, or as a part of
 * one of two copies of a package.
 */
function normalized(file: string): string {
  const path = file
    .replace(/[?#].*$/, '')
    .replace(/^(?:file|webpack|webpack-internal|turbopack):\/\/(?=\/)/, '')
    .replace(/^\/\([\w-]+\)(?=\/)/, '')
    .replace(/^.*[\\/]node_modules[\\/]/, '')
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}
