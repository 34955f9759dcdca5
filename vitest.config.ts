import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process for each file: the process-wide instance, signals and servers of one never meet those of another.
    pool: 'forks',
    // Tests of what is let go of collect garbage themselves.
    execArgv: ['--expose-gc'],
    // Tests wait for events. This bound only ends a test that waits for ever, also on a machine with ten times as much to do.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // `.ci/run` counts the tests in the report.
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.ci/report.json' }]] : ['default'],
  },
})
