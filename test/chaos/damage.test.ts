import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Build } from '../support/build.ts'
import { DamageTrials, describeDamage, judge } from './damage.ts'
import type { Result } from './programs/damaged.ts'
import { programs } from './release.ts'

// A sample of `npm run chaos -- --damage 1000`.
const timeout = 300_000

let build: Build
let trials: DamageTrials
beforeAll(async () => {
  build = await Build.of(...programs)
  trials = await DamageTrials.prepare(build)
}, timeout)
afterAll(async () => {
  await trials[Symbol.asyncDispose]()
  build[Symbol.dispose]()
})

test(
  'files of a folder that are damaged: each record runs, or its loss is reported',
  async () => {
    let reported = 0
    // Damage may strike bytes that nobody needs: the sample ends once a record was struck.
    for (let number = 1; number <= 12 || (reported === 0 && number <= 100); number++) {
      const { damage, wrong, reported: more } = await trials.try(7, number)
      expect({ damage: describeDamage(damage), wrong }).toEqual({ damage: expect.any(String), wrong: undefined })
      reported += more
    }
    // The damage was one.
    expect(reported).toBeGreaterThan(0)
  },
  timeout,
)

test(
  'a folder without damage: each record runs, and nothing is reported',
  async () => {
    const { wrong, reported, silent } = await trials.try(7, 1, false)
    expect({ wrong, reported, silent }).toEqual({ wrong: undefined, reported: 0, silent: 0 })
  },
  timeout,
)

describe('judge()', () => {
  const result: Result = {
    type: 'ran',
    folder: '',
    left: [],
    ran: [],
    reports: [],
    problem: undefined,
    listed: { failed: 'failed-1', pending: '' },
  }
  const report = 'AFTERWORD_JOURNAL_DAMAGED'
  test.each<[string, Partial<Result>, string | undefined]>([
    ['nothing is left', {}, undefined],
    ['what is left is reported', { left: ['call-a'], reports: [report] }, undefined],
    ['what is left is not reported', { left: ['call-a'] }, 'lost in silence'],
    ['a failed record is not listed any more', { listed: { failed: '', pending: '' } }, 'lost in silence'],
    ['what is left was in another file', { left: ['call-b'], reports: [report] }, 'lost, and not in the damaged file'],
    [
      'what is left waits',
      { left: ['call-a'], reports: [report], listed: { failed: 'failed-1', pending: 'call-a' } },
      'waits for ever',
    ],
    ['the journal did not open', { problem: 'Error' }, 'no start'],
  ])('%s', (_, more, wrong) => {
    const verdict = judge({ ...result, ...more }, { failed: ['failed-1'] }, ['call-a'], ['failed-1'], true)
    expect(verdict.wrong?.split(':', 1)[0]).toBe(wrong)
  })

  test('a process that has ended, and a loss that can not be told', () => {
    expect(judge('The process ended', { failed: [] }, [], [], true).wrong).toBe('The process ended')
    const lost = judge({ ...result, left: ['call-a'] }, { failed: [] }, ['call-a'], [], false)
    expect(lost).toEqual({ wrong: undefined, reported: 0, silent: 1 })
  })
})
