import { inOneLine } from '../../control-characters.ts'
import type { Stuck } from '../../journal/inspection/listed.ts'
import { readerOf } from '../../stores/record-store.ts'
import { type Command, onStore, takesNoId } from '../command.ts'
import { jsonArray, table } from '../table.ts'

export const status: Command = {
  takes: '<folder|url>',
  does: 'databases and jobs, each with what runs, waits and has failed',
  place: 'folder or URL',
  options: ['json'],
  wrong: takesNoId,
  run: onStore(readerOf, async function* (inspector, { json }) {
    const databases = await inspector.databases()
    if (json) {
      yield* jsonArray([databases], (database) => database)
      return true
    }
    yield* table(
      ['name', 'alive', 'pid', 'running', 'pending', 'failed', 'size'],
      [databases],
      ({ name, alive, pid = '', running, pending, failed, size }) => [
        name,
        alive === undefined ? '' : alive ? 'yes' : 'no',
        String(pid),
        String(running),
        String(pending),
        String(failed),
        size === undefined ? '' : `${Math.ceil(size / 1024)} KiB`,
      ],
    )
    const jobs = (await inspector.jobs?.()) ?? []
    if (jobs.length > 0) {
      yield '\n'
      yield* table(
        ['job', 'due', 'later', 'queued', 'failed', 'oldest'],
        [jobs],
        ({ job, due, later, queued, failed, oldestAge }) => [
          job,
          ...[due, later, queued, failed].map(String),
          due === 0 ? '' : `${Math.floor(oldestAge / 1000)} s`,
        ],
      )
    }
    yield databases.flatMap(({ stuck }) => stuck.map(told)).join('')
    yield databases.flatMap(({ paused }) => paused.map((job) => `"${inOneLine(job)}" is paused\n`)).join('')
    return true
  }),
}

function told({ job, version, state, count }: Stuck): string {
  const lack = state === 'unknown' ? 'knows that' : 'has their key'
  return `${count} of "${inOneLine(job)}", version ${version}: no living process ${lack}\n`
}
