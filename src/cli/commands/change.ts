import { inOneLine } from '../../control-characters.ts'
import type { Changed } from '../../journal/inspection/listed.ts'
import { type RecordWriter, writerOf } from '../../stores/record-store.ts'
import { type Command, onStore } from '../command.ts'
import { jsonArray } from '../table.ts'
import { bar, clearLine } from '../terminal.ts'

export const retry = changing({
  does: 'make failed records pending again',
  become: 'pending again',
  not: 'no failed record',
  change: (failed, ids) => failed.retry(ids),
})
export const discard = changing({
  does: 'delete a record that does not run, or all that have failed',
  become: 'deleted',
  not: 'no record that waits or has failed',
  change: (failed, ids) => failed.discard(ids),
})

interface Changing {
  readonly does: string
  /** The end of the sentence on a record that was changed, and on one that was not. */
  readonly become: string
  readonly not: string
  readonly change: (failed: RecordWriter, ids: readonly string[] | undefined) => AsyncGenerator<Changed[]>
}

/** Makes a command that changes records. */
function changing({ does, become, not, change }: Changing): Command {
  return {
    takes: '<folder|url> <id>|--all',
    does,
    place: 'folder or URL',
    options: ['all', 'json'],
    wrong: ({ ids, all }) => (ids.length > 0 !== all ? undefined : `expects ids or --all${all ? ', not both' : ''}`),
    run: onStore(writerOf, async function* (failed, { ids, all, json }) {
      const counts = { done: 0, left: 0 }
      async function* pages() {
        for await (const page of change(failed, all ? undefined : ids)) {
          for (const { done } of page) counts[done ? 'done' : 'left']++
          yield page
        }
      }
      if (json) yield* jsonArray(pages(), (changed) => changed)
      else if (all) {
        yield* progress(await failed.count(), pages())
        yield summary(counts, become)
      } else {
        for await (const page of pages()) {
          yield page.map(({ id, done }) => `${inOneLine(id)} is ${done ? become : not}\n`).join('')
        }
      }
      return counts.left === 0
    }),
  }
}

/** Shows progress, on a terminal. */
async function* progress(total: number, pages: AsyncIterable<Changed[]>): AsyncGenerator<string> {
  let past = 0
  for await (const page of pages) {
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
