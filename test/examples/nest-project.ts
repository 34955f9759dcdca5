import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)

/** The Nest example in a folder of its own, with its packages linked as npm links them. */
export class NestProject implements AsyncDisposable {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async make(): Promise<NestProject> {
    const folder = await mkdtemp(join(tmpdir(), 'afterword-nest-'))
    for (const part of ['package.json', 'tsconfig.json', 'src']) {
      await cp(join(root, 'examples/nest', part), join(folder, part), { recursive: true })
    }
    await mkdir(join(folder, 'node_modules'))
    await symlink(root, join(folder, 'node_modules/afterword'))
    for (const name of ['@nestjs', '@types']) {
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    }
    return new NestProject(folder)
  }

  /** Runs `tsc`, and resolves with what it has to say. */
  async compile(...args: string[]): Promise<string> {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const command = run(process.execPath, [tsc, '-p', this.#folder, ...args])
    const { stdout } = await command.catch((error: { stdout: string }) => error)
    return stdout
  }

  get program(): string {
    return join(this.#folder, 'dist/main.js')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#folder, { recursive: true })
  }
}
