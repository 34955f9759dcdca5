import { Build } from '../support/build.ts'
import type { Abilities } from './faulty-disk.ts'
import type { Release } from './plan.ts'
import type { Scene } from './round.ts'

/** The commits of earlier releases. */
const commits: Readonly<Record<Release, string>> = {
  // Without a log.
  version1: 'ebff5ce',
  version2: '6ed52e2',
}

/** The programs of the chaos runs. */
export const programs = ['test/chaos/programs', 'test/crash/programs'] as const

/** Builds an earlier release; `undefined` where the history of git is not there. */
export function buildRelease(release: Release): Promise<Build | undefined> {
  return Build.ofCommit(commits[release], ...programs).catch(() => undefined)
}

/** Builds what the rounds need. */
export async function buildScene(abilities: Abilities, { keep = true } = {}): Promise<Scene & Disposable> {
  const [build, version1] = await Promise.all([Build.of(...programs), buildRelease('version1')])
  return {
    build,
    releases: { ...(version1 && { version1 }) },
    abilities,
    keep,
    [Symbol.dispose]() {
      build[Symbol.dispose]()
      version1?.[Symbol.dispose]()
    },
  }
}
