import { escapeControls, escapeInJson, inOneLine } from '../../control-characters.ts'
import { readerOf } from '../../stores/record-store.ts'
import { type Command, onStore } from '../command.ts'
import { forPeople, Reader } from '../printed-record.ts'
import { complain } from '../terminal.ts'

export const show: Command = {
  takes: '<folder|url> <id>',
  does: 'one record, with its arguments and its error',
  place: 'folder or URL',
  options: ['json'],
  wrong: ({ ids }) => (ids.length === 1 ? undefined : `expects an id${ids.length > 1 ? ', and only one' : ''}`),
  run: onStore(readerOf, async function* (inspector, { ids: [id = ''], json }) {
    const found = await inspector.find(id)
    const reader = new Reader()
    if (json) yield `${escapeInJson(JSON.stringify(found ? reader.print(found) : null))}\n`
    else if (found === undefined) complain(`There is no record ${id}.`)
    else {
      const { args, options, error, ...rest } = reader.print(found, forPeople)
      const lines = Object.entries(rest).map(([name, value]) => `${name.padEnd(9)} ${inOneLine(String(value))}`)
      if (options !== undefined) lines.push(`options   ${options}`)
      yield `${lines.join('\n')}\nargs      ${args}\n${error ? `\n${escapeControls(error)}\n` : ''}`
    }
    return found !== undefined
  }),
}
