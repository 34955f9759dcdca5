import { Build } from '../support/build.ts'
import type { Abilities } from './faulty-disk.ts'
import type { Scene } from './round.ts'

/** Earlier releases, by their commits. */
export const releases = {
  /** The last one whose folders have version 1: without a log. */
  version1: 'ebff5ce',
  /** The last one before this, with version 2. */
  version2: '6ed52e2',
} as const

/** The programs of the chaos runs. */
export const programs = ['test/chaos/programs', 'test/crash/programs'] as const

/** Builds what the rounds need. */
export async function buildScene(abilities: Abilities, { keep = true } = {}): Promise<Scene & Disposable> {
  const [build, older] = await Promise.all([
    Build.of(...programs),
    Build.ofCommit(releases.version1, ...programs).catch(() => undefined),
  ])
  return {
    build,
    older,
    abilities,
    keep,
    [Symbol.dispose]() {
      build[Symbol.dispose]()
      older?.[Symbol.dispose]()
    },
  }
}
