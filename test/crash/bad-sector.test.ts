import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readFrame } from '../../src/journal/files/log-format.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { Tools } from '../chaos/tools.ts'
import { Sibling } from '../journal/sibling.ts'

const tools = new Tools()
afterAll(() => tools[Symbol.dispose]())
const { shim } = tools.abilities

let folder: string
beforeEach(() => void (folder = realpathSync(mkdtempSync(join(tmpdir(), 'afterword-bad-sector-')))))
afterEach(() => rmSync(folder, { recursive: true }))

const path = () => join(folder, '1.log')
const pageSize = 4096
/** About two records fit in a page. */
const filler = '.'.repeat(1500)
const whats = Array.from({ length: 40 }, (_, n) => `job-${n}`)

/** A record in the log: where its frame is, and its entry. */
interface Place {
  readonly what: string
  readonly from: number
  readonly entry: number
  readonly to: number
}

/** Leaves a log with a record in each frame. */
async function leaveLog(): Promise<Place[]> {
  {
    await using killed = await Sibling.start(folder, { knows: ['hang'], options: { worker: false } })
    for (const what of whats) await killed.defer('hang', [what, filler]).id
    await killed.kill()
  }
  const log = readFileSync(path())
  const places: Place[] = []
  for (let from = 0, frame = readFrame(log, 0); frame !== undefined; from = frame.end, frame = readFrame(log, from)) {
    const [, what] = /"(job-\d+)"/.exec(frame.payload.toString()) ?? []
    if (what !== undefined) places.push({ what, from, entry: log.indexOf('[1,', from), to: frame.end })
  }
  expect(places.map(({ what }) => what)).toEqual(whats)
  return places
}

/** The failed records that are listed: what they are, as far as that can be read. */
async function failed(): Promise<string[]> {
  await using inspector = new Inspector(folder)
  const found: string[] = []
  for await (const page of inspector.records({ state: 'failed' }))
    for (const { reason, job, args } of page) {
      expect({ reason, job }).toEqual({ reason: 'damaged', job: 'hang' })
      found.push(/"(job-\d+)"/.exec(args)?.[1] ?? args)
    }
  return found
}

/** The page of the log in which a record begins. */
const pageOf = ({ entry }: Place) => Math.floor(entry / pageSize) * pageSize

const faults: Record<string, (page: number) => Record<string, string>> = {
  'can not be read': (page) => ({ LD_PRELOAD: String(shim), SHIM_BAD_FILE: path(), SHIM_BAD_PAGE: `${page}` }),
  'has other bytes': (page) => {
    const file = openSync(path(), 'r+')
    writeSync(file, Buffer.alloc(pageSize, 0xa5), 0, pageSize, page)
    closeSync(file)
    return {}
  },
}

describe.skipIf(shim === undefined)('a log of which one page', () => {
  test.each(Object.keys(faults))(
    '%s is reported: all records outside that page run, and those of the page are listed that can be named',
    async (fault) => {
      const places = await leaveLog()
      const page = pageOf(places[20] as Place)
      const env = faults[fault]?.(page) ?? {}
      const isHit = ({ from, to }: Place) => from < page + pageSize && to > page
      const hit = places.filter(isHit).map(({ what }) => what)
      expect(hit.length).toBeGreaterThan(2)
      // The beginning of the entry is there, with the id and the job.
      const named = places.filter((place) => isHit(place) && place.entry + 100 < page).map(({ what }) => what)
      await using next = await Sibling.start(folder, {}, [], env)
      await Promise.all(whats.filter((what) => !hit.includes(what)).map((what) => next.ran(what)))
      await next.program.message('report', ({ code }) => code === 'AFTERWORD_JOURNAL_DAMAGED')
      expect(next.runs.filter((what) => hit.includes(what))).toEqual([])
      expect(next.reports).toEqual([
        ...(fault === 'can not be read' ? ['AFTERWORD_JOURNAL_BEHIND'] : []),
        'AFTERWORD_JOURNAL_DAMAGED',
      ])
      expect(await failed()).toEqual(named)
      const aside = readdirSync(folder).filter((name) => name.includes('damaged'))
      expect(aside).toEqual([expect.stringMatching(/^1\.log\.damaged/)])
    },
    60_000,
  )
})
