import type { Changed, Inspector } from '../../journal/inspector.ts'
import { type Command, onJournal } from '../command.ts'
import { jsonArray } from '../table.ts'
import { bar, clearLine } from '../terminal.ts'

export const retry = changing('make failed records pending again', 'pending again', (journal, ids) =>
  journal.retry(ids),
)
export const discard = changing('delete failed records', 'deleted', (journal, ids) => journal.discard(ids))

type Change = (journal: Inspector, ids: readonly string[] | undefined) => Generator<Changed[]>

/** @param become what is said of a record of which that could be done */
function changing(does: string, become: string, change: Change): Command {
  return {
    takes: '<folder> <id>|--all',
    does,
    place: 'folder',
    options: ['all', 'json'],
    wrong: ({ ids, all }) => (ids.length > 0 !== all ? undefined : `expects ids or --all${all ? ', not both' : ''}`),
    run: onJournal(function* (journal, { ids, all, json }) {
      const counts = { done: 0, left: 0 }
      function* pages() {
        for (const page of change(journal, all ? undefined : ids)) {
          for (const { done } of page) counts[done ? 'done' : 'left']++
          yield page
        }
      }
      if (json) yield* jsonArray(pages(), (changed) => changed)
      else if (all) {
        yield* progress(journal.failed, pages())
        yield summary(counts, become)
      } else {
        for (const page of pages()) {
          yield page.map(({ id, done }) => `${id} is ${done ? become : 'no failed record'}\n`).join('')
        }
      }
      return counts.left === 0
    }),
  }
}

/** On a terminal, how far it is. */
function* progress(total: number, pages: Iterable<Changed[]>): Generator<string> {
  let past = 0
  for (const page of pages) {
    past += page.length
    if (process.stdout.isTTY) yield bar(past, Math.max(past, total))
  }
  if (process.stdout.isTTY) yield clearLine
}

function summary({ done, left }: { done: number; left: number }, become: string): string {
  if (done + left === 0) return 'Nothing has failed.\n'
  const stay = left === 0 ? '' : ` ${counted(left)} not: another record has the key of each by now.`
  return `${counted(done)} ${done === 1 ? 'is' : 'are'} ${become}.${stay}\n`
}

const counted = (n: number) => `${n.toLocaleString('en')} record${n === 1 ? '' : 's'}`
