import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const repository = fileURLToPath(new URL('..', import.meta.url))
const links = ['next', 'react', 'react-dom', '@vercel/functions', 'typescript', '@types/node', '@types/react']

/** The arguments and environment of `next`. */
export const nextEnvironment = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' } as const

/** An app of this repository, copied into a folder outside of it where `afterword` and Next are installed. */
export class NextBuild implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'afterword-next-'))
  /** The folder of the app. */
  readonly app: string
  /** `next`. */
  readonly program = join(this.#folder, 'node_modules/next/dist/bin/next')

  /** @param app its folder in the repository */
  constructor(app: string) {
    this.app = join(this.#folder, app)
    this.copy('tools/next.config.ts', join(app, 'next.config.ts'))
    // An app's own comes in its place.
    this.copy(app)
    // Their own extend it.
    this.copy('examples/next/tsconfig.json')
  }

  /** Copies what else the app needs, to the same place as in the repository or to another one. */
  copy(path: string, to = path): void {
    cpSync(join(repository, path), join(this.#folder, to), { recursive: true })
  }

  async run(): Promise<void> {
    this.install()
    await promisify(execFile)(process.execPath, [this.program, 'build', this.app], {
      env: { ...process.env, ...nextEnvironment },
    })
  }

  /** Puts the packages in place, which is enough for `next dev`. */
  install(): void {
    // A copy, as it is installed: what is outside of node_modules Next takes for a part of the app.
    for (const path of ['dist', 'package.json']) this.copy(path, join('node_modules/afterword', path))
    for (const name of links) {
      const link = join(this.#folder, 'node_modules', name)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(repository, 'node_modules', name), link)
    }
  }

  uninstall(): void {
    rmSync(join(this.#folder, 'node_modules/afterword'), { recursive: true })
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }
}
