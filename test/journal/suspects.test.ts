import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SiblingSettings } from './programs/sibling.ts'
import { Sibling } from './sibling.ts'

// What a process leaves that has died, and what such ends tell of it.

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-suspects-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** The rows of all databases. */
function stored(table: 'records' | 'failed'): Record<string, unknown>[] {
  return ['1', '2', 'shared'].flatMap((name) => {
    try {
      using database = new DatabaseSync(join(folder, `${name}.db`), { readOnly: true, timeout: 1000 })
      return database.prepare(`SELECT * FROM afterword_${table}`).all()
    } catch {
      // There is no such slot, or the file is being made.
      return []
    }
  })
}

const start = (settings: SiblingSettings = {}) => Sibling.start(folder, settings)

/** Leaves records that a process had deferred, and that were running when it was killed. */
async function leave(calls: readonly (readonly [job: string, what: string, ...rest: unknown[]])[]): Promise<void> {
  await using first = await start({ options: { worker: false } })
  const hang = first.defer('hang', ['is deferred before all others'])
  await hang.id
  await first.ran('is deferred before all others')
  await Promise.all(calls.map(([job, ...args]) => first.defer(job, args).id))
  await first.kill()
}

/** The ends of what lingered in a process. */
const endsIn = (sibling: Sibling) =>
  sibling.program.messages.filter(({ type }) => type === 'ended').map(({ what }) => String(what))

describe('a job that ends its process', () => {
  const innocents = Array.from({ length: 20 }, (_, i) => `innocent ${i}`)

  test.each([
    ['at once, by SIGKILL', 'kill', 0],
    ['later, by process.abort()', 'abort', 100],
  ])('%s is listed as poison after four deaths in a row, and twenty innocents run', async (_how, job, ms) => {
    const runs: string[] = []
    const ended: string[] = []
    const reports: string[] = []
    {
      await using first = await start({ options: { worker: false } })
      const ids = innocents.map((what) => first.defer('linger', [what, 150]).id)
      await Promise.all([...ids, first.defer(job, ['killer', ms]).id])
      await first.program.exited
      runs.push(...first.runs)
    }
    for (let life = 1; !reports.includes('AFTERWORD_POISON'); life++) {
      expect(life).toBeLessThan(8)
      await using next = await start()
      await Promise.race([next.program.exited, next.program.message('report').catch(() => {})])
      reports.push(...next.reports)
      if (next.reports.length > 0) await next.close()
      runs.push(...next.runs)
      ended.push(...endsIn(next))
    }
    expect(reports).toEqual(['AFTERWORD_POISON'])
    // Twice before the journal suspects it, and in four trials.
    expect(runs.filter((what) => what === 'killer')).toHaveLength(6)
    expect(ended.toSorted()).toEqual(innocents.toSorted())
    expect(stored('records')).toEqual([])
    expect(stored('failed')).toMatchObject([
      { job, reason: 'poison', error: expect.stringContaining('4 times in a row') },
    ])
  })
})

describe('an innocent job is not listed as poison that runs whenever', () => {
  test('its process is killed, if it has run for a while each time', async () => {
    await leave([['hang', 'long']])
    for (let life = 1; life <= 6; life++) {
      await using next = await start()
      await next.ran('long')
      const lasted = 250 * 2 ** (life - 1)
      await expect
        .poll(() => stored('records'), { timeout: 60_000 })
        .toContainEqual(expect.objectContaining({ args: '["long"]', crashes: 0, ran: lasted }))
      await next.kill()
    }
    await using last = await start()
    await last.ran('long')
    expect(last.reports).toEqual([])
  }, 90_000)

  test('its process is killed at its start', async () => {
    await leave([['hang', 'long']])
    for (let life = 1; life <= 8; life++) {
      await using next = await start()
      await next.kill()
    }
    await using last = await start()
    await last.ran('long')
    expect(last.reports).toEqual([])
    expect(stored('failed')).toEqual([])
  })

  test('its process is asked to end, and killed before it does', async () => {
    await leave([['hang', 'long']])
    for (let life = 1; life <= 6; life++) {
      await using next = await start({ options: { shutdownTimeout: 60_000 } })
      await next.ran('long')
      next.send({ type: 'close' })
      await expect
        .poll(() => stored('records'))
        .toContainEqual(expect.objectContaining({ args: '["long"]', crashes: 0, ran: 0 }))
      await next.kill()
    }
    await using last = await start()
    await last.ran('long')
    expect(last.reports).toEqual([])
  })
})

describe('suspects', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `suspect ${i}`)

  /** Leaves suspects: calls of `hang`, as if they had just begun when their process was killed. */
  async function suspect(whats: readonly string[]): Promise<void> {
    await leave(whats.map((what) => ['hang', what] as const))
    {
      await using next = await start()
      await Promise.all(whats.slice(0, 1).map((what) => next.ran(what)))
      await next.kill()
    }
    using database = new DatabaseSync(join(folder, '1.db'), { timeout: 5000 })
    const { changes } = database.prepare("UPDATE afterword_records SET crashes = 1, ran = 0 WHERE job = 'hang'").run()
    expect(Number(changes)).toBeGreaterThanOrEqual(whats.length)
  }

  test('that hang keep neither each other waiting, nor a retry that is due', async () => {
    await suspect(many(10))
    await using next = await start()
    await Promise.all(many(10).map((what) => next.ran(what)))
    await next.dispatch('fail', ['retried', 1])
    await next.ran('retried')
    next.let('retried')
    await next.ran('retried', 2)
    expect(next.reports).toEqual(['AFTERWORD_TASK_RETRIED'])
  })

  test('run beside dispatches that take all the room there is', async () => {
    await suspect(many(3))
    await using next = await start({ options: { worker: { concurrency: 2 } } })
    let over = false
    const dispatches = Array.from({ length: 8 }, async (_, place) => {
      for (let i = 0; !over; i++) {
        await next.dispatch('linger', [`${place}-${i}`, 10])
        await next.program.message('ended', ({ what }) => what === `${place}-${i}`)
      }
    })
    for (const what of many(3)) {
      await next.ran(what)
      next.let(what)
    }
    over = true
    await Promise.all(dispatches)
  })

  test('are tried together where they are hundreds', async () => {
    await suspect(many(300))
    await using next = await start({ options: { worker: { concurrency: 400 }, concurrency: 400 } })
    // Alone, each would be watched for a quarter of a second, all of them for longer than this test may take.
    await Promise.all(many(300).map((what) => next.ran(what)))
  }, 60_000)
})
