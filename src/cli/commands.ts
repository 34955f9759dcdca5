import { styleText } from 'node:util'
import { decode } from '../journal/encoding.ts'
import type { Inspection, ListedRecord } from '../journal/inspection.ts'

export interface Command {
  readonly takes: 'nothing' | 'id' | 'ids'
  readonly does: string
  run(journal: Inspection, ids: readonly string[]): Answer
}

interface Answer {
  readonly done: boolean
  /** For machines. */
  readonly value: unknown
  /** For people. */
  readonly text: string
}

export const commands: Readonly<Record<string, Command>> = {
  status: {
    takes: 'nothing',
    does: 'slots, each with what is pending and what has failed',
    run(journal) {
      const slots = journal.slots()
      const rows = slots.map(({ slot, alive, pending, failed, size }) => [
        String(slot),
        alive ? 'a living process' : 'nobody',
        String(pending),
        String(failed),
        `${Math.ceil(size / 1024)} KiB`,
      ])
      return { done: true, value: slots, text: table(['slot', 'held by', 'pending', 'failed', 'size'], rows) }
    },
  },
  list: {
    takes: 'nothing',
    does: 'all that has failed, then what is pending',
    run(journal) {
      const records = [...journal.records('failed'), ...journal.records('pending')]
      const rows = records.map(({ id, state, job, attempt, created, reason, error }) => [
        id,
        reason ?? state,
        job,
        String(attempt),
        date(created),
        firstLine(error),
      ])
      const text = table(['id', 'state', 'job', 'attempts', 'deferred', 'error'], rows)
      return { done: true, value: records.map(forMachines), text }
    },
  },
  show: {
    takes: 'id',
    does: 'one record, with its arguments and its error',
    run(journal, [id = '']) {
      const record = journal.find(id)
      if (record === undefined) return { done: false, value: null, text: `There is no record ${id}.\n` }
      const { args, error, ...rest } = forMachines(record)
      const lines = Object.entries(rest).map(([name, value]) => `${name.padEnd(9)} ${value}`)
      const text = `${lines.join('\n')}\nargs      ${JSON.stringify(args)}\n${error ? `\n${error}\n` : ''}`
      return { done: true, value: forMachines(record), text }
    },
  },
  retry: {
    takes: 'ids',
    does: 'make failed records pending again',
    run: (journal, ids) => change(ids, (id) => journal.retry(id), 'is pending again'),
  },
  discard: {
    takes: 'ids',
    does: 'delete failed records',
    run: (journal, ids) => change(ids, (id) => journal.discard(id), 'is deleted'),
  },
}

function change(ids: readonly string[], apply: (id: string) => boolean, what: string): Answer {
  const results = ids.map((id) => ({ id, done: apply(id) }))
  const text = results.map(({ id, done }) => `${id} ${done ? what : 'is no failed record'}\n`).join('')
  return { done: results.every(({ done }) => done), value: results, text: text || 'Nothing has failed.\n' }
}

/** Dates as ISO text, and the arguments as JSON can say them. */
function forMachines({ args, created, runAt, failedAt, ...record }: ListedRecord) {
  return {
    ...record,
    created: date(created),
    ...(runAt !== undefined && { runAt: date(runAt) }),
    ...(failedAt !== undefined && { failedAt: date(failedAt) }),
    args: readable(args),
  }
}

function readable(args: string): unknown {
  try {
    return JSON.parse(JSON.stringify(decode(args), (_key, value) => (typeof value === 'bigint' ? `${value}n` : value)))
  } catch {
    return args
  }
}

const date = (ms: number) => new Date(ms).toISOString()
const firstLine = (text: string | null | undefined) => text?.split('\n', 1)[0]?.slice(0, 80) ?? ''

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [styleText('bold', line(columns), { stream: process.stdout }), ...rows.map(line), ''].join('\n')
}
