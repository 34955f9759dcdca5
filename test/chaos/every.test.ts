import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { callsIn, canTrace, tracer } from '../crash/trace.ts'
import { EveryCall, type Series } from './every.ts'
import { buildScene } from './release.ts'
import type { Scene } from './round.ts'
import { compileStrike } from './strike.ts'
import { Tools } from './tools.ts'

// A sample of `npm run chaos -- --every`, which strikes at each call.
const timeout = 300_000

const tools = new Tools()
let scene: Scene & Disposable
let calls: EveryCall
beforeAll(async () => {
  scene = await buildScene(tools.abilities)
  const library = compileStrike(tools.folder)
  if (library === undefined) throw new Error('This test needs a C compiler, cc: apt-get install gcc libc6-dev')
  calls = await EveryCall.prepare(scene, library, 2)
}, timeout)
afterAll(async () => {
  await calls?.[Symbol.asyncDispose]()
  scene[Symbol.dispose]()
  tools[Symbol.dispose]()
})

const sample: Series[] = [
  { scene: 'life', sync: 'normal', blow: 'kill', first: 7, step: 41 },
  { scene: 'life', sync: 'full', blow: 'kill', first: 3, step: 97 },
  { scene: 'life', sync: 'normal', blow: 'torn', first: 11, step: 73 },
  { scene: 'life', sync: 'full', blow: 'EIO', first: 5, step: 97 },
  { scene: 'life', sync: 'normal', blow: 'ENOSPC', first: 40, step: 73 },
  { scene: 'life', sync: 'full', blow: 'EROFS', first: 198, step: 97 },
  { scene: 'adopt', sync: 'normal', blow: 'kill', first: 13, step: 97 },
  { scene: 'adopt', sync: 'normal', blow: 'moved', first: 5, step: 193 },
  { scene: 'moving', sync: 'normal', blow: 'torn', first: 293, step: 97 },
  { scene: 'moving', sync: 'full', blow: 'kill', first: 303, step: 211 },
  { scene: 'migrate-2', sync: 'normal', blow: 'kill', first: 17, step: 151 },
  { scene: 'migrate-3', sync: 'full', blow: 'kill', first: 19, step: 151 },
  { scene: 'four', sync: 'normal', blow: 'kill-all', first: 211, step: 401 },
]

test.each(sample)(
  '$scene, sync: $sync: $blow at every $step-th call from the $first-th on: what was answered runs, again only after an end',
  async (series) => {
    const { struck, wrong } = await calls.run(series)
    expect(wrong).toEqual([])
    expect(struck).toBeGreaterThan(1)
  },
  timeout,
)

test.skipIf(!canTrace)(
  'all calls that write, sync, cut off or remove a file are numbered',
  async () => {
    const trace = join(tools.folder, 'trace')
    const kinds = ['pwrite64', 'write', 'writev', 'fsync', 'fdatasync', 'ftruncate', 'unlink']
    const all = await calls.calls(tracer(trace))
    const numbered = all.map(({ call, file }) => `${call.replace('ftruncate64', 'ftruncate')} ${file}`)
    const traced = callsIn(trace).flatMap(({ name, file }) => {
      const [, inside] = /\/journal(\/[^/]*|)$/.exec(file) ?? []
      return inside === undefined ? [] : [`${name} ${inside}`]
    })
    expect(numbered.filter((call) => kinds.includes(call.split(' ', 1)[0] as string)).sort()).toEqual(traced.sort())
    expect(traced.length).toBeGreaterThan(100)
  },
  timeout,
)
