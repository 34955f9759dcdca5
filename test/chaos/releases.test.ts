import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Message } from '../support/program.ts'
import { Life } from './place.ts'
import type { Action, PlacePlan, Release, RoundPlan } from './plan.ts'
import { buildScene } from './release.ts'
import { Round, type Scene } from './round.ts'
import { Tools } from './tools.ts'

// Two releases on one folder: this one, and the last one with each earlier version of the folder, as they are in the history of git. An
// older folder is migrated forward by all rounds of chaos that begin with one.
const timeout = 300_000

const tools = new Tools()
let scene: Scene & Disposable
beforeAll(async () => {
  scene = await buildScene(tools.abilities)
  if (Object.keys(scene.releases).length < releases.length)
    throw new Error('The earlier releases are missing: these tests need the history of git.')
})
afterAll(() => {
  scene[Symbol.dispose]()
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
  migrates: undefined,
  actions: [kill(60, 0), kill(60, 1), kill(60, 0, 1), kill(60, 1), kill(60, 0), kill(60, 0, 1), kill(60, 1)],
  end: 'SIGKILL',
  ...more,
})

const releases = [
  ['before the log', 'version1'],
  ['before this one', 'version2'],
] as const satisfies [string, Release][]

test.each(releases)(
  'the release %s lives on a folder while this one starts there, under load and kills: what both have answered runs',
  async (_, release) => {
    // Once it was killed, it refuses to start there: see below.
    const places = [app('http', release), app('http'), app('work')]
    const actions = [kill(80, 1), kill(60, 1, 2), kill(60, 1), kill(60, 0), kill(60, 1)]
    await using round = new Round(plan(places, { actions }), scene)
    const { lost, unexpected, twice, overlaps, recovered } = await round.play()
    expect({ lost, unexpected, twice, overlaps }).toEqual({ lost: [], unexpected: [], twice: [], overlaps: [] })
    expect(recovered).toBeGreaterThan(0)
    round.clear()
  },
  timeout,
)

test.each(releases)(
  'the release %s says that a folder is of a newer one, and harms nothing',
  async (_, release) => {
    await using round = new Round(plan([app('http')], { actions: [kill(100, 0)] }), scene)
    let before: string[] = []
    const { lost, unexpected, twice } = await round.play(async () => {
      const files = () => {
        // To look at a database, SQLite writes back what its last process has left in the file beside it.
        const names = readdirSync(round.journal).filter((name) => name.endsWith('.log'))
        return names.map((name) => `${name} ${hash('sha256', readFileSync(join(round.journal, name)))}`)
      }
      before = files()
      const older = new Life('older', app('http', release), round.surroundings(release))
      // One that finds a slot of its own begins, reports it, and leaves what it accepts to this release.
      const says = ({ message, cause }: Message) => `${message} ${cause}`.includes('this release knows version')
      const { type } = await Promise.race([
        older.program.message('refused', says),
        older.program.message('report', says),
      ])
      if (type === 'refused') await older.program.exited
      else older.kill()
      expect(files()).toEqual(before)
    })
    expect(before.length).toBeGreaterThan(0)
    expect({ lost, unexpected, twice }).toEqual({ lost: [], unexpected: [], twice: [] })
    round.clear()
  },
  timeout,
)
