import { type Stats, statSync } from 'node:fs'

/** The identity of a file, by which another one in its place is noticed. */
export class FileIdentity {
  readonly #path: string
  readonly #stats: Stats

  /** @param path the path of a file that is there. Throws the errors of `stat` */
  constructor(path: string) {
    this.#path = path
    this.#stats = statSync(path)
  }

  /** The file was deleted, renamed or replaced. False where the system does not tell. */
  get isGone(): boolean {
    try {
      const now = statSync(this.#path)
      return now.ino !== this.#stats.ino || now.dev !== this.#stats.dev
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return code === 'ENOENT' || code === 'ENOTDIR'
    }
  }
}
