import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process for each file: the process-wide instance, signals and servers of one never meet those of another.
    pool: 'forks',
    // Tests of what is let go of collect garbage themselves.
    execArgv: ['--expose-gc'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // `.ci/run` counts the tests in the report.
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.ci/report.json' }]] : ['default'],
  },
})
