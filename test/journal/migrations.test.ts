import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { versionOf } from '../../src/journal/files/schema.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { Reports } from '../support/reports.ts'

// The fixtures are the databases of two processes of that version, which were killed: as `.dump` of sqlite3 prints them.
let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-migrations-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const files = ['1', 'shared']

function fill(version: number): void {
  // The second process has left a lock as well, and no record in files of its own.
  for (const slot of [1, 2]) writeFileSync(join(folder, `${slot}.lock`), '')
  for (const file of files) {
    using database = new DatabaseSync(join(folder, `${file}.db`))
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(readFileSync(new URL(`fixtures/version-${version}-${file}.sql`, import.meta.url), 'utf8'))
  }
}

function inDatabase<T>(file: string, fn: (database: DatabaseSync) => T): T {
  using database = new DatabaseSync(join(folder, `${file}.db`))
  return fn(database)
}

test.each([2, 3])(
  'a folder of version %i is migrated: what waits there runs, once, and what has failed stays listed',
  async (version) => {
    fill(version)
    expect(files.map((file) => inDatabase(file, versionOf))).toEqual([version, version])
    // Version 2 counted all ends of processes, whatever ended them: six would make a record poison today.
    inDatabase('shared', (database) => {
      database.exec(`UPDATE afterword_records SET crashes = ${version === 2 ? 7 : 1} WHERE singleton = 'key-a'`)
    })
    using reports = new Reports()
    const runs: string[] = []
    const all = Promise.withResolvers<void>()
    const run = (what: string, _filler: string) => {
      runs.push(what)
      if (runs.length === 4) all.resolve()
    }
    {
      await using afterword = new Afterword({ journal: folder })
      for (const name of ['key', 'nest', 'fail']) afterword.job(name, run)
      await all.promise
    }
    expect(runs.toSorted()).toEqual(['delayed-a', 'delayed-b', 'key-a', 'key-b'])
    await using inspector = new Inspector(folder)
    const listed: string[] = []
    for (const state of ['failed', 'pending'] as const) {
      for await (const page of inspector.records({ state })) {
        listed.push(...page.map(({ job, reason, error }) => `${job} ${reason} ${error}`))
      }
    }
    expect(listed).toEqual(['fail failed Error: never'])
    const newest = inDatabase('shared', versionOf)
    expect(newest).toBeGreaterThan(version)
    expect(inDatabase('1', versionOf)).toBe(newest)
    expect(reports.codes).toEqual([])
  },
)

test('a database of version 2 or 3 has the same tables and indexes once it is migrated as one that is new', async () => {
  const tables = (file: string) =>
    inDatabase(file, (database) => {
      const rows = database.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name').all()
      return rows.map(({ sql }) => String(sql).replaceAll(/\s+/g, ' '))
    })
  const found: string[][] = []
  for (const version of [undefined, 2, 3]) {
    if (version !== undefined) fill(version)
    await using afterword = new Afterword({ journal: folder })
    await afterword
      .job('looked', () => {})
      .with({ delay: 1 })
      .dispatch()
    await afterword.close()
    found.push(tables('shared'), tables('1'))
    for (const file of files)
      for (const part of ['', '-wal', '-shm']) rmSync(join(folder, `${file}.db${part}`), { force: true })
  }
  const [first] = found
  expect(first?.length).toBeGreaterThan(8)
  expect(found).toEqual(found.map(() => first))
})
