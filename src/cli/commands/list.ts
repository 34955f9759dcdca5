import { clock } from '../../clock.ts'
import { readerOf } from '../../stores/record-store.ts'
import { type Command, onStore, takesNoId } from '../command.ts'
import { date, Reader } from '../printed-record.ts'
import { jsonArray, table } from '../table.ts'

const columns = ['id', 'state', 'pid', 'job', 'version', 'attempt', 'created', 'runAt', 'reason', 'args', 'error']

export const list: Command = {
  takes: '<folder|url> [--job j] [--state s] [--limit n]',
  does: 'all that has failed, then what runs or waits',
  place: 'folder or URL',
  options: ['json', 'job', 'state', 'limit'],
  wrong: takesNoId,
  run: onStore(readerOf, async function* (inspector, { json, job, state, limit }) {
    const reader = new Reader()
    const now = clock.date()
    const pages = inspector.records({ job, state, limit })
    if (json) yield* jsonArray(pages, (record) => reader.print(record))
    else {
      yield* table(columns, pages, (record) => {
        const { id, state, pid = '', job, version, attempt, created, runAt = 0, reason = '' } = record
        const due = runAt > now ? date(runAt) : ''
        const [args, error] = [reader.shortArgs(record), reader.firstLine(record)]
        return [id, state, `${pid}`, job, `${version}`, `${attempt}`, date(created), due, reason, args, error]
      })
    }
    return true
  }),
}
