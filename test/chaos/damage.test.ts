import { expect, test } from 'vitest'
import { Build } from '../support/build.ts'
import { DamageTrials, describeDamage } from './damage.ts'
import { programs } from './release.ts'

/** `SEED=2 DAMAGES=1000 npx vitest run test/chaos/damage` for others, and for more. */
const seed = Number(process.env.SEED ?? 1)
const count = Number(process.env.DAMAGES ?? 25)

test(
  `of ${count} folders with a damaged file, each record runs, or its loss is reported`,
  async () => {
    using build = await Build.of(...programs)
    await using trials = await DamageTrials.prepare(build)
    // Without damage each record runs: a trial finds what is not there.
    expect(await trials.try(seed, 0, false)).toMatchObject({ wrong: undefined, reported: 0 })
    const wrong: string[] = []
    let reported = 0
    for (let number = 1; number <= count; number++) {
      const trial = await trials.try(seed, number)
      reported += trial.reported
      if (trial.wrong !== undefined) wrong.push(`${number}: ${describeDamage(trial.damage)}: ${trial.wrong}`)
    }
    expect(wrong).toEqual([])
    // Some damage was such that records could not be read.
    expect(reported).toBeGreaterThan(0)
  },
  60_000 + 20_000 * count,
)
