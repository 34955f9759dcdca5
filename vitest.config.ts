import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process for each file: the process-wide instance, signals and servers of one never meet those of another.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
