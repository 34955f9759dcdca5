import { Build } from '../support/build.ts'
import type { Abilities } from './faulty-disk.ts'
import type { Release } from './plan.ts'
import type { Scene } from './round.ts'

/** The commits of earlier releases. */
const commits: Readonly<Record<Release, string>> = {
  // Without a log.
  version1: 'ebff5ce',
  version2: '6ed52e2',
  version3: '38c2332',
}

/** The programs of the chaos runs. */
export const programs = ['test/chaos/programs', 'test/crash/programs'] as const

/** Builds what the rounds need. Earlier releases are missing where the history of git is not there. */
export async function buildScene(abilities: Abilities, { keep = true } = {}): Promise<Scene & Disposable> {
  const build = await Build.of(...programs)
  const releases: Partial<Record<Release, Build>> = {}
  for (const [release, commit] of Object.entries(commits) as [Release, string][]) {
    try {
      releases[release] = await Build.ofCommit(commit, ...programs)
    } catch {
      // Whoever needs it says so.
    }
  }
  return {
    build,
    releases,
    abilities,
    keep,
    [Symbol.dispose]() {
      for (const each of [build, ...Object.values(releases)]) each[Symbol.dispose]()
    },
  }
}
