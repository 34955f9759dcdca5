import { type Command, onJournal, takesNoId } from '../command.ts'
import { date, Reader } from '../printed-record.ts'
import { jsonArray, table } from '../table.ts'

const columns = ['id', 'state', 'job', 'version', 'attempts', 'deferred', 'error']

export const list: Command = {
  takes: '<folder>',
  does: 'all that has failed, then what is pending',
  place: 'folder',
  options: ['json'],
  wrong: takesNoId,
  run: onJournal(function* (journal, { json }) {
    const reader = new Reader()
    function* pages() {
      yield* journal.records('failed')
      yield* journal.records('pending')
    }
    if (json) yield* jsonArray(pages(), (record) => reader.print(record))
    else {
      yield* table(columns, pages(), (record) => {
        const { id, state, reason, job, version, attempt, created } = record
        return [id, reason ?? state, job, String(version), String(attempt), date(created), reader.firstLine(record)]
      })
    }
    return true
  }),
}
