import { spawnSync } from 'node:child_process'
import { configDefaults, defineConfig } from 'vitest/config'

// Earlier releases are built from their commits. A copy of the sources without those has no tests that need them.
const earliest = 'ebff5ce'
const hasHistory = spawnSync('git', ['cat-file', '-e', earliest], { cwd: import.meta.dirname }).status === 0
const ofReleases = ['test/chaos/chaos.test.ts', 'test/chaos/every.test.ts', 'test/chaos/releases.test.ts']
if (!hasHistory) console.warn(`Left out, for want of the history of git: ${ofReleases.join(', ')}.`)

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(hasHistory ? [] : ofReleases)],
    // A process for each file: the process-wide instance, signals and servers of one never meet those of another.
    pool: 'forks',
    // Tests of what is let go of collect garbage themselves.
    execArgv: ['--expose-gc'],
    // Tests wait for events. This bound only ends a test that waits for ever, also on a machine with ten times as much to do.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // `.ci/run` counts the tests in the report.
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.ci/report.json' }]] : ['default'],
  },
})
