import { clock } from '../../clock.ts'
import { Inspector } from '../../journal/inspector.ts'
import { type Command, onJournal, takesNoId } from '../command.ts'
import { date, Reader } from '../printed-record.ts'
import { jsonArray, table } from '../table.ts'

const columns = ['id', 'state', 'job', 'version', 'attempts', 'deferred', 'due', 'error']

export const list: Command = {
  takes: '<folder>',
  does: 'all that has failed, then what is pending',
  place: 'folder',
  options: ['json'],
  wrong: takesNoId,
  run: onJournal(Inspector, async function* (inspector, { json }) {
    const reader = new Reader()
    const now = clock.date()
    async function* pages(first: boolean) {
      yield* inspector.records('failed', first)
      yield* inspector.records('pending', first)
    }
    if (json) yield* jsonArray(pages(false), (record) => reader.print(record))
    else {
      yield* table(columns, pages, (record) => {
        const { id, state, reason, job, version, attempt, created, runAt = 0 } = record
        const due = runAt > now ? date(runAt) : ''
        const error = reader.firstLine(record)
        return [id, reason ?? state, job, String(version), String(attempt), date(created), due, error]
      })
    }
    return true
  }),
}
