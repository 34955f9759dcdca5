import { join } from 'node:path'
import type { Contender } from './contender.ts'
import { payload } from './payload.ts'

// The journal by itself: what it costs without scopes, tasks and runs. Not exported by the package, hence by its file.
const { openFolderJournal } = (await import(
  new URL('../../dist/journal/folder-journal.js', import.meta.url).href
)) as typeof import('../../src/journal/folder-journal.ts')

const job = 'send-welcome'
const maxPayload = 256 * 1024
const week = 7 * 24 * 3_600_000
const noop = () => {}

export function openJournal(folder: string, sync: 'normal' | 'full') {
  const journal = openFolderJournal(
    { path: join(folder, 'journal'), sync, retention: week, maxFailed: 10_000, maxPayload, holdTimeout: 10_000 },
    {
      take: noop,
      rooms: () => [],
      roomFor: () => Infinity,
      whenRoom: noop,
      withdraw: () => undefined,
      running: () => [],
      setPaused: () => {},
    },
  )
  return async () => {
    const record = journal.create({ job, version: 1, args: [payload()] })
    record.submit(noop)
    await record.accepted
    return record
  }
}

export const bareJournal = (sync: 'normal' | 'full'): Contender => ({
  async pair({ folder }) {
    const accept = openJournal(folder, sync)
    return {
      async call() {
        const record = await accept()
        record.finish({ status: 'done', value: undefined }, 1)
      },
    }
  },
  async accept({ folder }) {
    const accept = openJournal(folder, sync)
    const records: Awaited<ReturnType<typeof accept>>[] = []
    return {
      async call() {
        records.push(await accept())
      },
      async clear() {
        for (const record of records.splice(0)) record.finish({ status: 'done', value: undefined }, 1)
        // Stored in the same group as these.
        records.push(await accept())
      },
    }
  },
})
