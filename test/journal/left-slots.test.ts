import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { ProcessLock } from '../../src/journal/files/process-lock.ts'
import { Sibling } from './sibling.ts'

const mostSlots = 511

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-left-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** A process that defers a record and dies before it runs. */
async function crash(): Promise<void> {
  await using one = await Sibling.start(folder, { knows: ['hang'] })
  await one.defer('hang', ['first']).id
  await one.kill()
}

/** Makes all other slots like the first one, in which a process has died. */
function fill(): void {
  {
    using database = new DatabaseSync(join(folder, '1.db'))
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }
  for (let slot = 2; slot <= mostSlots; slot++) {
    copyFileSync(join(folder, '1.db'), join(folder, `${slot}.db`))
    writeFileSync(join(folder, `${slot}.lock`), '')
    using database = new DatabaseSync(join(folder, `${slot}.db`))
    const by = (slot - 1) * 2 ** 44
    // The process that has died was one of slot 2: there is no slot behind the last one.
    const owner = by - 2 ** 44
    database.exec(
      `UPDATE afterword_records SET key = key + ${by}, owner = owner + ${owner}; UPDATE afterword_slots SET slot = ${slot}`,
    )
  }
}

test('where each slot has records of a process that has died, processes start all the same, and run them all', async () => {
  await crash()
  // Its record is in the database of the slot from then on.
  {
    await using other = await Sibling.start(folder, { knows: ['hang'] })
    await other.ran('first')
    await other.kill()
  }
  const records = () => {
    using database = new DatabaseSync(join(folder, '1.db'))
    return database.prepare('SELECT key FROM afterword_records').all().length
  }
  expect(records()).toBe(1)
  fill()
  // Processes that crash at their start, each after it has deferred a record.
  await crash()
  await crash()
  expect(readdirSync(folder).filter((name) => name.endsWith('.lock') && name !== 'shared.lock')).toHaveLength(mostSlots)
  const ran = new Set<string>()
  await using fixed = new Afterword({ journal: folder })
  fixed.job('hang', () => void ran.add(String(fixed.currentTask()?.id)))
  await expect.poll(() => ran.size, { timeout: 240_000, interval: 100 }).toBe(mostSlots + 2)
}, 300_000)

test('a slot behind those of many living processes is adopted', async () => {
  const living = Array.from({ length: 20 }, (_, i) => ProcessLock.tryTake(folder, i + 1) as ProcessLock)
  await crash()
  expect(existsSync(join(folder, '21.log'))).toBe(true)
  await using other = await Sibling.start(folder, { knows: ['hang'] })
  await other.ran('first')
  for (const lock of living) lock.release()
})

test('slots that were left empty are looked into, and adopted by no process', async () => {
  const before = new Afterword({ journal: folder })
  await before.job('send', () => {}).defer().outcome
  await before.close()
  fill()
  await using one = await Sibling.start(folder)
  await one.defer('note', ['own']).outcome
  // A record of a process that dies meanwhile is found behind all of them.
  await using two = await Sibling.start(folder, { knows: ['hang'] })
  await two.defer('hang', ['left']).id
  await two.kill()
  await one.ran('left')
  expect(existsSync(join(folder, '300.db-wal'))).toBe(false)
})
