import { type Command, onJournal } from '../command.ts'
import { Reader } from '../printed-record.ts'

export const show: Command = {
  takes: '<folder> <id>',
  does: 'one record, with its arguments and its error',
  place: 'folder',
  options: ['json'],
  wrong: ({ ids }) => (ids.length === 1 ? undefined : `expects an id${ids.length > 1 ? ', and only one' : ''}`),
  run: onJournal(function* (journal, { ids: [id = ''], json }) {
    const found = journal.find(id)
    const record = found && new Reader().print(found)
    if (json) yield `${JSON.stringify(record ?? null)}\n`
    else if (record === undefined) yield `There is no record ${id}.\n`
    else {
      const { args, options, error, ...rest } = record
      const lines = Object.entries(rest).map(([name, value]) => `${name.padEnd(9)} ${value}`)
      if (options !== undefined) lines.push(`options   ${JSON.stringify(options)}`)
      const shown = typeof args === 'string' ? args : JSON.stringify(args)
      yield `${lines.join('\n')}\nargs      ${shown}\n${error ? `\n${error}\n` : ''}`
    }
    return record !== undefined
  }),
}
