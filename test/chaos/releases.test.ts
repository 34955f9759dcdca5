import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Build } from '../support/build.ts'
import { Life } from './place.ts'
import type { Action, PlacePlan, Release, RoundPlan } from './plan.ts'
import { buildRelease, buildScene } from './release.ts'
import { Round, type Scene } from './round.ts'
import { Tools } from './tools.ts'

// Two releases on one folder: this one, and the last one with each version of the folder, as they are in the history of git.
const timeout = 300_000

const tools = new Tools()
let scene: Scene & Disposable
let version2: Build | undefined
beforeAll(async () => {
  ;[scene, version2] = await Promise.all([buildScene(tools.abilities), buildRelease('version2')])
  if (version2 === undefined) throw new Error('The earlier releases are missing: these tests need the history of git.')
})
afterAll(() => {
  scene[Symbol.dispose]()
  version2?.[Symbol.dispose]()
  tools[Symbol.dispose]()
})

const app = (program: 'http' | 'express' | 'work', release?: Release): PlacePlan => ({
  program,
  cluster: 0,
  worker: true,
  ...(release && { release }),
})
const kill = (after: number, ...places: number[]): Action => {
  return { after, pause: 30, do: 'kill', places, part: 'all', starts: [] }
}
const plan = (places: PlacePlan[], more: Partial<RoundPlan> = {}): RoundPlan => ({
  seed: 1,
  round: 1,
  layout: 'apps',
  places,
  sync: 'normal',
  smallDisk: false,
  clock: false,
  migrates: false,
  actions: [kill(60, 0), kill(60, 1), kill(60, 0, 1), kill(60, 1), kill(60, 0), kill(60, 0, 1), kill(60, 1)],
  end: 'SIGKILL',
  ...more,
})

/** The version of a folder that a build makes. */
async function versionOf(build: Build): Promise<number> {
  await using round = new Round(plan([], { actions: [] }), { ...scene, build })
  await round.play()
  const database = new DatabaseSync(join(round.journal, 'shared.db'), { readOnly: true })
  const { version } = database.prepare('SELECT version FROM afterword').get() as { version: number }
  database.close()
  round.clear()
  return version
}

test.each([
  ['this one', undefined],
  ['the last one', 'version2'],
] as const)(
  'this release and the last one share a folder under load and kills; %s runs what is left in the end',
  async (_, last) => {
    if (version2 === undefined) throw new Error('no build')
    // They share it as long as no migration is added; from then on the older one refuses it.
    expect(await versionOf(scene.build)).toBe(await versionOf(version2))
    const both = { ...scene, releases: { ...scene.releases, version2 } }
    const places = [app('http'), app('express', 'version2'), app('work'), app('work', 'version2')]
    await using round = new Round(plan(places, last && { last }), both)
    const { kills, recovered, lost, unexpected, twice, overlaps } = await round.play()
    expect({ lost, unexpected, twice, overlaps }).toEqual({ lost: [], unexpected: [], twice: [], overlaps: [] })
    expect(kills).toBeGreaterThanOrEqual(9)
    expect(recovered).toBeGreaterThan(0)
    round.clear()
  },
  timeout,
)

test(
  'a release before the log lives on a folder while this one starts there: what both have answered runs',
  async () => {
    // Once it was killed, it refuses to start there: see below.
    const places = [app('http', 'version1'), app('http'), app('work')]
    const actions = [kill(80, 1), kill(60, 1, 2), kill(60, 1), kill(60, 0), kill(60, 1)]
    await using round = new Round(plan(places, { actions }), scene)
    const { lost, unexpected, twice, overlaps, recovered } = await round.play()
    expect({ lost, unexpected, twice, overlaps }).toEqual({ lost: [], unexpected: [], twice: [], overlaps: [] })
    expect(recovered).toBeGreaterThan(0)
    round.clear()
  },
  timeout,
)

test(
  'a release before the log refuses a folder of this one, names it, and harms nothing',
  async () => {
    await using round = new Round(plan([app('http')], { actions: [kill(100, 0)] }), scene)
    let before: string[] = []
    const { lost, unexpected, twice } = await round.play(async () => {
      const files = () => {
        // To look at a database, SQLite writes back what its last process has left in the file beside it.
        const names = readdirSync(round.journal).filter((name) => name.endsWith('.log'))
        return names.map((name) => `${name} ${hash('sha256', readFileSync(join(round.journal, name)))}`)
      }
      before = files()
      const older = new Life('older', app('http', 'version1'), round.surroundings('version1'))
      const { code, message } = await older.program.message('refused')
      await older.program.exited
      expect({ code, message }).toEqual({
        code: 'AFTERWORD_JOURNAL_NEWER',
        message: expect.stringContaining(round.journal),
      })
      expect(files()).toEqual(before)
    })
    expect(before.length).toBeGreaterThan(0)
    expect({ lost, unexpected, twice }).toEqual({ lost: [], unexpected: [], twice: [] })
    round.clear()
  },
  timeout,
)
