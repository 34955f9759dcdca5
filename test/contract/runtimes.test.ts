import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { knownMissing, type Runtime, runtimes } from '../../tools/runtimes.ts'

const run = promisify(execFile)

// Each runtime that the contract is to be tested on is there, or known as missing: what isn't run is never overlooked.
test.each(Object.keys(runtimes) as Runtime[])(
  'tools/runtimes: %s runs, or is listed as known missing',
  async (runtime) => {
    const version = await run(runtimes[runtime].executable, ['--version']).then(
      ({ stdout }) => stdout,
      (error: Error) => `not run: ${error.message}`,
    )
    if (knownMissing.includes(runtime)) expect(version, `${runtime} is no longer missing`).toMatch(/^not run/)
    else expect(version).toMatch(/\d+\.\d+|\d{4}-\d\d-\d\d/)
  },
)
