import { AfterwordError } from '../../errors.ts'
import { backUp } from '../../journal/inspection/backup.ts'
import { engineOf } from '../../stores/engine-url.ts'
import type { Command } from '../command.ts'
import { complain } from '../terminal.ts'

export const backup: Command = {
  takes: '<folder> <target>',
  does: 'copy a journal that may be in use',
  place: 'folder',
  options: ['json'],
  wrong: ({ ids }) => (ids.length === 1 ? undefined : 'expects one target after the folder'),
  async *run({ place, ids: [target = ''], json }) {
    const engine = engineOf(place)
    if (engine !== undefined) throw new AfterwordError('AFTERWORD_NO_BACKUP', [engine])
    const { databases, logs, unreadable } = backUp(place, target)
    for (const sentence of unreadable) complain(sentence)
    yield json
      ? `${JSON.stringify({ target, databases, logs })}\n`
      : `${told(databases, logs)} are in "${target}" now.\n`
    return unreadable.length === 0
  },
}

const told = (databases: number, logs: number) => `${counted(databases, 'database')} and ${counted(logs, 'log')}`
const counted = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`
