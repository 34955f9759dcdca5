import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeRound, planRound, type RoundPlan } from './plan.ts'
import { buildScene } from './release.ts'
import { Round, type Scene } from './round.ts'
import { Tools } from './tools.ts'
import type { Score } from './verdict.ts'

// A sample of `npm run chaos`, with fixed seeds. The time of a round is that of its processes, which a busy machine starts slowly.
const timeout = 300_000

const tools = new Tools()
let scene: Scene & Disposable
beforeAll(async () => {
  scene = await buildScene(tools.abilities)
})
afterAll(() => {
  scene[Symbol.dispose]()
  tools[Symbol.dispose]()
})

/** Plays a round. Its files are removed unless it has failed. */
async function play(plan: RoundPlan, more: Partial<Scene> = {}): Promise<{ score: Score; round: Round }> {
  await using round = new Round(plan, { ...scene, ...more })
  return { score: await round.play(), round }
}

test('planRound() makes the same round of the same seed and number, another one of others', () => {
  expect(planRound(7, 3)).toEqual(planRound(7, 3))
  expect(planRound(7, 4).actions).not.toEqual(planRound(7, 3).actions)
  expect(planRound(8, 3).actions).not.toEqual(planRound(7, 3).actions)
})

// Together they have all layouts, most frameworks, a folder of an older release, and faults of disks.
const sample = [
  { seed: 10, round: 2, most: 8 },
  { seed: 14, round: 4, most: 6 },
  { seed: 23, round: 4, most: 6 },
  { seed: 1, round: 4, most: 6 },
] as const

test.each(sample.map(({ seed, round, most }) => ({ plan: planRound(seed, round, most), seed, round })))(
  'chaos, seed $seed, round $round: what was answered ran, nothing ran in two living processes, no key overlapped',
  async ({ plan, seed, round: number }) => {
    const { score, round } = await play(plan)
    const { kills, faults, answered, ran, recovered, lost, unexpected, twice, overlaps } = score
    console.log(
      `Round ${number} of seed ${seed}, ${describeRound(plan)}: ${kills} kills, ${answered} answered, ${ran} ran, ` +
        `${recovered} recovered; faults: ${[...faults].join(' ') || 'none'}; not done: ${[...round.notDone].join(', ') || 'none'}`,
    )
    expect({ lost, unexpected, twice, overlaps }).toEqual({ lost: [], unexpected: [], twice: [], overlaps: [] })
    // What was to happen did: processes were killed, with work that others had to do.
    expect(kills).toBeGreaterThan(0)
    expect(answered).toBeGreaterThan(0)
    expect(recovered).toBeGreaterThan(0)
    const planned = plan.actions.flatMap((action) => (action.do === 'fault' ? [action.fault] : []))
    const possible = planned.filter((fault) => !round.notDone.has(fault))
    if (possible.length > 0) expect([...faults.values()].some((count) => count > 0)).toBe(true)
    if (scene.releases.version1 === undefined)
      throw new Error('The older release is missing: the test needs the history of git.')
    round.clear()
  },
  timeout,
)

test(
  'chaos with jobs that are not kept: the losses are found',
  async () => {
    const plan: RoundPlan = {
      ...planRound(11, 1),
      places: [{ program: 'http', cluster: 0, worker: true }],
      actions: [40, 40, 40].map((after) => ({
        after,
        pause: 0,
        do: 'kill',
        places: [0],
        part: 'all',
        starts: [],
      })),
    }
    const { score, round } = await play(plan, { keep: false })
    expect(score.kills).toBeGreaterThan(0)
    expect(score.lost.length).toBeGreaterThan(0)
    round.clear()
  },
  timeout,
)
