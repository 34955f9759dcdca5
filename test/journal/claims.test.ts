import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-claims-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const open = () => new DatabaseSync(join(folder, 'shared.db'))

function stored(table: 'records' | 'failed' = 'records'): Record<string, unknown>[] {
  using database = open()
  return database.prepare(`SELECT * FROM afterword_${table} ORDER BY key`).all()
}

/** A process that only dispatches. */
const startWeb = () => Sibling.start(folder, { options: { worker: false } })
/** Starts a process that has so many claims at once. */
const startWorker = (concurrency = 64) => Sibling.start(folder, { options: { worker: { concurrency } } })

/** Leaves a record behind that a process had taken, and was running when it was killed. */
async function killAmid(what: string): Promise<void> {
  await using web = await startWeb()
  await web.dispatch('hang', [what])
  await web.close()
  await using worker = await startWorker()
  await worker.ran(what)
  await worker.kill()
}

describe('a claim', () => {
  test('runs in a sibling when its process was killed', async () => {
    await using web = await startWeb()
    const ids = await Promise.all(['a', 'b'].map((what) => web.dispatch('hang', [what])))
    await using killed = await startWorker()
    await Promise.all(['a', 'b'].map((what) => killed.ran(what)))
    await using sibling = await startWorker()
    await killed.kill()
    const runs = await Promise.all(['a', 'b'].map((what) => sibling.ran(what)))
    expect(runs.map(({ id }) => id)).toEqual(ids)
    expect(runs).toMatchObject([{ attempt: 1 }, { attempt: 1 }])
  })

  test('runs in the next process on the slot of a killed process', async () => {
    await killAmid('left')
    await using next = await startWorker()
    expect(await next.ran('left')).toMatchObject({ attempt: 1 })
  })

  test('runs once in all when processes die one after another', async () => {
    await using web = await startWeb()
    await web.dispatch('hang', ['again and again'])
    for (let life = 1; life <= 2; life++) {
      await using worker = await startWorker()
      await worker.ran('again and again')
      await worker.kill()
    }
    await using first = await startWorker()
    await using second = await startWorker()
    await Promise.race([first, second].map((worker) => worker.ran('again and again')))
    for (const worker of [first, second]) worker.let('again and again')
    await Promise.all([first.close(), second.close()])
    expect([...first.runs, ...second.runs]).toEqual(['again and again'])
    expect(stored()).toEqual([])
  })

  test('stays with its process while that is stopped', async () => {
    await using web = await startWeb()
    await web.dispatch('hang', ['of the stopped one'])
    await using stopped = await startWorker(1)
    await stopped.ran('of the stopped one')
    await web.dispatch('hang', ['of the killed one'])
    await using killed = await startWorker(1)
    await killed.ran('of the killed one')
    stopped.program.kill('SIGSTOP')
    await using living = await startWorker()
    await killed.kill()
    // It has looked at the slots of both.
    await living.ran('of the killed one')
    expect(living.runs).toEqual(['of the killed one'])
    stopped.program.kill('SIGCONT')
    stopped.let('of the stopped one')
    await stopped.close()
    expect(stored()).toMatchObject([{ args: '["of the killed one"]' }])
  })

  test('is left to others by an orderly end, which costs no attempt and counts as no crash', async () => {
    await killAmid('left')
    // From now on it is one that may have been the cause.
    for (let life = 1; life <= 4; life++) {
      await using worker = await startWorker()
      expect(await worker.ran('left')).toMatchObject({ attempt: 1 })
      worker.send({ type: 'close', stays: true })
      await worker.program.message('closed')
      await worker.kill()
      expect(stored()).toMatchObject([{ attempt: 0, crashes: 0 }])
    }
    expect(stored('failed')).toEqual([])
  })

  test('that was deferred with a key runs in a process with worker: false', async () => {
    {
      await using web = await startWeb()
      await web.defer('hang', ['mine'], { key: 'single' }).id
      await web.ran('mine')
      await web.kill()
    }
    await using next = await startWeb()
    expect(await next.ran('mine')).toMatchObject({ attempt: 1 })
  })
})

test('a claim that ends its process again and again is listed as poison, and innocent claims run', async () => {
  {
    await using web = await startWeb()
    await web.dispatch('kill', ['poison'])
    await web.dispatch('note', ['innocent'], { delay: 1 })
    await web.close()
  }
  const runs: string[] = []
  const reports: string[] = []
  for (let life = 0; reports.length === 0; life++) {
    expect(life).toBeLessThan(7)
    await using worker = await startWorker()
    await Promise.race([worker.program.exited, worker.program.message('report').catch(() => {})])
    runs.push(...worker.runs)
    reports.push(...worker.reports)
    if (reports.length > 0) await worker.close()
  }
  expect(reports).toEqual(['AFTERWORD_POISON'])
  expect(runs.filter((what) => what === 'poison')).toHaveLength(6)
  expect(runs).toContain('innocent')
  expect(stored()).toEqual([])
  expect(stored('failed')).toMatchObject([{ job: 'kill', reason: 'poison' }])
})
