import { existsSync } from 'node:fs'
import { FileIdentity } from './file-identity.ts'
import { FileLocks } from './file-locks.ts'

/** The files of a database that this process has open, by which it notices that they are not the journal's any more. */
export class OpenFiles {
  readonly path: string
  readonly #identities: readonly FileIdentity[]
  readonly #locks: FileLocks

  /** @param path the path of a database that is open. */
  constructor(path: string) {
    this.path = path
    // Another process deletes a log when it seems to be the last one, as it does where the locks of this one are dropped.
    this.#identities = [path, `${path}-wal`].filter((file) => existsSync(file)).map((file) => new FileIdentity(file))
    this.#locks = new FileLocks(path)
  }

  /** The files were deleted or replaced: what is written to them from now on is lost. */
  get areLost(): boolean {
    return this.#identities.some(({ isGone }) => isGone)
  }

  /** Other processes don't see any more that this one has the database open. */
  get areUnlocked(): boolean {
    return this.#locks.areDropped
  }
}
