import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const modules = join(repository, 'node_modules')
const run = promisify(execFile)
/** The files that name others as texts, and that the build of the package makes anew. */
const namingFiles = [
  'src/journals.js',
  'src/jobs/thread-file.js',
  'src/journal/server/thread-code.js',
  'src/journal/inspection/thread-code.js',
]

/**
 * The sources of the project and some of its programs, compiled into a folder of their own: tests start many processes, and one that strips
 * types itself takes twice as long to start.
 */
export class Build implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'afterword-build-'))

  private constructor() {
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify({ type: 'module' }))
    symlinkSync(modules, join(this.folder, 'node_modules'))
  }

  /** Compiles `src` and further folders of the project. */
  static async of(...programs: string[]): Promise<Build> {
    const build = new Build()
    await build.#compile(repository, programs)
    return build
  }

  /** Compiles the `src` of a commit with programs of today. */
  static async ofCommit(commit: string, ...programs: string[]): Promise<Build> {
    const build = new Build()
    const tree = join(build.folder, 'tree')
    const archive = join(build.folder, 'tree.tar')
    const paths = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
    await run('git', ['-C', repository, 'archive', '-o', archive, commit, ...paths])
    mkdirSync(tree)
    await run('tar', ['-x', '-f', archive, '-C', tree])
    for (const path of programs) cpSync(join(repository, path), join(tree, path), { recursive: true })
    symlinkSync(modules, join(tree, 'node_modules'))
    await build.#compile(tree, programs)
    return build
  }

  /** The compiled form of a file. @param path from the root of the project */
  compiled(path: string): URL {
    return pathToFileURL(join(this.folder, path.replace(/\.ts$/, '.js')))
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }

  async #compile(root: string, programs: readonly string[]): Promise<void> {
    const compilerOptions = {
      rootDir: root,
      outDir: this.folder,
      types: [],
      noCheck: true,
      declaration: false,
      declarationMap: false,
    }
    const include = ['src', ...programs].map((path) => join(root, path))
    const options = { extends: join(root, 'tsconfig.build.json'), compilerOptions, include }
    const file = join(this.folder, 'tsconfig.json')
    writeFileSync(file, JSON.stringify(options))
    await run(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', file])
    // The compiler does not know those names of files that are no imports.
    for (const path of namingFiles) {
      const compiled = join(this.folder, path)
      if (!existsSync(compiled)) continue
      writeFileSync(compiled, readFileSync(compiled, 'utf8').replaceAll(/'(\.\/[\w/-]+)\.ts'/g, "'$1.js'"))
    }
  }
}
