import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { blockSize, slotSize } from '../../src/journal/files/record-id.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { Reports } from '../support/reports.ts'

let template: string
let folder: string
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'afterword-template-'))
  const afterword = new Afterword({ journal: template })
  await afterword.job('send', () => {}).dispatch()
  await afterword.close()
})
afterAll(() => rmSync(template, { recursive: true }))
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-bad-'))
  cpSync(template, folder, { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

type Place = '1' | 'shared'
const places = ['1', 'shared'] as const

const open = (place: Place) => new DatabaseSync(join(folder, `${place}.db`), { timeout: 5000 })

/** Stores three records, of which the second one has other values. */
function store(place: Place, odd: Record<string, number | bigint | string | null>): void {
  using database = open(place)
  for (const [i, more] of [{}, odd, {}].entries()) {
    const owner = place === 'shared' ? 0 : slotSize + blockSize
    const row = {
      key: slotSize + blockSize + 5 + i,
      job: 'send',
      version: 1,
      args: `[${i}]`,
      created: 1,
      run_at: 1,
      owner,
    }
    const values = { ...row, ...more }
    database
      .prepare(`INSERT INTO afterword_records (${Object.keys(values)}) VALUES (${Object.keys(values).map(() => '?')})`)
      .run(...Object.values(values))
  }
}

/** Runs the records of the folder until those have run. @returns what ran, and the codes of the reports */
async function run(expected: readonly number[]): Promise<{ ran: number[]; codes: string[] }> {
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder })
  const ran: number[] = []
  const all = Promise.withResolvers<void>()
  afterword.job('send', (n: number) => {
    ran.push(n)
    if (expected.every((each) => ran.includes(each))) all.resolve()
  })
  await all.promise
  await afterword.close()
  return { ran: ran.sort(), codes: reports.codes }
}

async function listed(state: 'failed' | 'pending'): Promise<object[]> {
  await using inspector = new Inspector(folder)
  const records: object[] = []
  for await (const page of inspector.records({ state })) records.push(...page)
  return records
}

describe.each(places)('in the database "%s"', (place) => {
  test.each([
    ['attempt', { attempt: 2n ** 60n }],
    ['crashes', { crashes: 2n ** 60n }],
    ['run_at', { run_at: -(2n ** 60n) }],
    ['version', { version: -(2n ** 60n) }],
    ['owner', { owner: -9 }],
    ['key', { key: 2n ** 60n }],
    ['key below zero', { key: -7 }],
  ] as const)('a row with an odd %s is listed as failed and reported once; the others run', async (_what, odd) => {
    store(place, odd)
    expect(await run([0, 2])).toEqual({ ran: [0, 2], codes: ['AFTERWORD_SET_ASIDE'] })
    expect(await listed('failed')).toEqual([expect.objectContaining({ job: 'send', args: '[1]', reason: 'damaged' })])
    // Not a second time.
    store(place, { args: '[3]' })
    expect((await run([3])).codes).toEqual([])
  })

  test.each(['[{"timeout":"x"}]', '[{"retries":-1}]', '[{"backoff":{"base":"x"}}]', '{}', '~~~'])(
    'stored options %s are refused when they are read: the record is listed as failed; the others run',
    async (options) => {
      store(place, { options })
      expect(await run([0, 2])).toEqual({ ran: [0, 2], codes: ['AFTERWORD_UNREADABLE'] })
      expect(await listed('failed')).toHaveLength(1)
    },
  )

  test('stored options that this release does not know are left out', async () => {
    store(place, { options: '[{"limit":{},"gathering":{},"name":5,"when":5}]' })
    expect(await run([0, 1, 2])).toEqual({ ran: [0, 1, 2], codes: [] })
  })

  test('a change that the database refuses: the record is set aside; the others are stored', async () => {
    store(place, {})
    {
      using database = open(place)
      database.exec(`CREATE TRIGGER refuse BEFORE DELETE ON afterword_records WHEN old.args = '[1]'
        BEGIN SELECT RAISE(ABORT, 'no'); END`)
    }
    expect(await run([0, 1, 2])).toEqual({ ran: [0, 1, 2], codes: ['AFTERWORD_SET_ASIDE'] })
    expect(await listed('pending')).toHaveLength(1)
  })

  test('a claim that the database refuses: the record is set aside; the others run', async () => {
    store(place, {})
    {
      using database = open(place)
      database.exec(`CREATE TRIGGER refuse BEFORE UPDATE ON afterword_records WHEN old.args = '[1]'
        BEGIN SELECT RAISE(ABORT, 'no'); END`)
    }
    expect(await run([0, 2])).toEqual({ ran: [0, 2], codes: ['AFTERWORD_SET_ASIDE'] })
    expect(await listed('failed')).toEqual([expect.objectContaining({ args: '[1]', reason: 'refused' })])
    expect(await listed('pending')).toEqual([])
  })

  test('a record whose every change the database refuses holds no other one up', async () => {
    store(place, {})
    {
      using database = open(place)
      for (const change of ['UPDATE', 'DELETE']) {
        database.exec(`CREATE TRIGGER refuse_${change} BEFORE ${change} ON afterword_records WHEN old.args = '[1]'
          BEGIN SELECT RAISE(ABORT, 'no'); END`)
      }
    }
    expect(await run([0, 2])).toEqual({ ran: [0, 2], codes: ['AFTERWORD_SET_ASIDE'] })
    expect(await listed('pending')).toHaveLength(1)
  })

  test.each([
    ['a column', 'options TEXT', 'oqtions TEXT'],
    ['a table', 'afterword_failed (', 'afterword_fbiled ('],
    ['the table with the version', 'TABLE afterword (', 'TABLE afterwosd ('],
  ])('one bit in the name of %s: the database is moved aside and reported, and jobs run', async (_, name, damaged) => {
    store(place, {})
    const path = join(folder, `${place}.db`)
    let sql = ''
    {
      using database = open(place)
      // Free space before that text may still have an earlier one.
      database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
      sql = String(
        database.prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' AND instr(sql, ?) > 0").get(name)?.sql,
      )
    }
    const bytes = readFileSync(path)
    const at = bytes.lastIndexOf(sql)
    expect(at).toBeGreaterThan(0)
    bytes.write(damaged, at + sql.indexOf(name))
    writeFileSync(path, bytes)
    using reports = new Reports()
    await using afterword = new Afterword({ journal: folder })
    expect(await afterword.job('other', () => 1).dispatch()).toEqual(expect.any(String))
    await expect.poll(() => reports.codes, { timeout: 30_000 }).toContain('AFTERWORD_JOURNAL_DAMAGED')
    expect(readdirSync(folder).filter((file) => file.includes('.db.damaged-'))).toHaveLength(1)
    expect(await afterword.job('send', (n: number) => n).defer(5).outcome).toEqual({ status: 'done', value: 5 })
  })

  /** Changes the root page of an index in the file. @param change gets the bytes of the page */
  function damageRoot(index: string, change: (page: Buffer) => void): void {
    const path = join(folder, `${place}.db`)
    const database = open(place)
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    const { root, size } = database
      .prepare('SELECT rootpage AS root, page_size AS size FROM sqlite_schema, pragma_page_size WHERE name = ?')
      .get(index) as { root: number; size: number }
    const bytes = readFileSync(path)
    change(bytes.subarray((root - 1) * size, root * size))
    database.close()
    writeFileSync(path, bytes)
  }

  test('an index that lacks a record is made anew: the record runs', async () => {
    store(place, { owner: -1 })
    damageRoot('afterword_loose', (page) => {
      // The page loses its entries.
      page.writeUInt16BE(0, 3)
      page.writeUInt16BE(page.length, 5)
    })
    expect(await run([0, 1, 2])).toEqual({ ran: [0, 1, 2], codes: [] })
  })

  test.each([
    'afterword_suspects',
    'afterword_singletons',
    'afterword_failures',
    'afterword_key_ends',
    'afterword_lanes',
  ])(
    'the empty index %s, whose page tells that it is of a table, is made anew: records run, and are stored',
    async (index) => {
      store(place, {})
      damageRoot(index, (page) => page.writeUInt8(13))
      expect(await run([0, 1, 2])).toEqual({ ran: [0, 1, 2], codes: [] })
      using database = open(place)
      store(place, { singleton: 'one', lane: 'a', owner: -1, crashes: 1 })
      expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    },
  )
})

test('a backoff that computes no number delays by nothing', async () => {
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder })
  let runs = 0
  const Poll = afterword.job(
    'poll',
    () => {
      if (++runs < 320) throw new Error('not yet')
    },
    { retries: 400, backoff: { base: 0, factor: 10 } },
  )
  expect(await Poll.defer().outcome).toMatchObject({ status: 'done' })
  // What a handler throws may only look like a Retry.
  const later = Object.assign(new Error('later'), { [Symbol.for('afterword.retry')]: 'soon' })
  const Odd = afterword.job('odd', () => Promise.reject(later), { retries: 1, backoff: 0 })
  expect(await Odd.defer().outcome).toMatchObject({ status: 'failed' })
  await afterword.close()
  // The first failure of each, and the last one of the second.
  const retried = 'AFTERWORD_TASK_RETRIED'
  expect(reports.codes).toEqual([retried, retried, 'AFTERWORD_TASK_FAILED'])
})
