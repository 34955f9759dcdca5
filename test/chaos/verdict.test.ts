import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Ledger } from '../crash/ledger.ts'
import { Verdict } from './verdict.ts'

let folder: string
let ledger: Ledger
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-verdict-'))
  ledger = new Ledger(join(folder, 'ledger'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Writes lines as a process does. */
function wrote(by: string, ...lines: readonly (readonly unknown[])[]): void {
  for (const line of lines) appendFileSync(ledger.fileOf(by), `${JSON.stringify(line)}\n`)
}

const lives = (killed: Record<string, number>) => [
  { name: 'first', terminated: undefined, killed: new Map(Object.entries(killed)) },
]
const promised = (...what: string[]) => ({
  promised: what.map((what) => ({ what, by: 'a', asked: 1_000, key: undefined })),
})
const begin = (run: number, at: number, what: string, id: string, key?: string) => ['begin', run, at, what, id, 1, key]

test('lost() finds a promised call that did not run, one whose run did not end, and a nested one', () => {
  wrote('a', begin(1, 10, 'note-1', 'x'), ['end', 1, 20, true], begin(2, 10, 'note-2', 'y'))
  wrote('a', begin(3, 10, 'nest-4', 'z'), ['end', 3, 20, true], begin(4, 10, 'retry-5', 'r'), ['end', 4, 20, false])
  const load = promised('note-1', 'note-2', 'note-3', 'nest-4', 'retry-5')
  expect(new Verdict(ledger, []).lost(load, new Set())).toEqual(['note-2', 'note-3', 'nest-4-nested', 'retry-5'])
})

test('lost() finds a keyed call that no other call with its key explains', () => {
  wrote('a', begin(1, 10, 'key-1', 'x', 'shared-1'), ['end', 1, 20, true])
  const call = (key: string) => ({ promised: [{ what: 'key-2', by: 'a', asked: 10_000_000, key }] })
  expect(new Verdict(ledger, []).lost(call('shared-1'), new Set())).toEqual(['key-2'])
  wrote('a', begin(2, 9_000_000, 'key-3', 'y', 'shared-1'), ['end', 2, 10_000_100, true])
  expect(new Verdict(ledger, []).lost(call('shared-1'), new Set())).toEqual([])
})

test('lost() takes a nested call for reported that the journal refused, and no other', () => {
  wrote('a', begin(1, 10, 'nest-1', 'x'), ['end', 1, 20, true], ['cancelled', 0, 21, 'nest-1-nested', 'refused'])
  wrote('a', begin(2, 10, 'nest-2', 'y'), ['end', 2, 20, true], ['cancelled', 0, 21, 'note-3', 'refused'])
  const verdict = new Verdict(ledger, [])
  expect(verdict.lost(promised('nest-1', 'nest-2', 'note-3'), new Set())).toEqual(['nest-2-nested', 'note-3'])
  expect(verdict.refused).toBe(1)
})

test.each([
  ['is alive', {}, 1],
  ['was killed before', { a: 40 }, 0],
  ['was killed after', { a: 60 }, 1],
])('twice finds a run of a record while the process of an earlier one %s', (_, killed, count) => {
  wrote('a', begin(1, 10, 'note-1', 'x'))
  wrote('b', begin(1, 50, 'note-1', 'x'), ['end', 1, 60, true])
  expect(new Verdict(ledger, lives(killed)).twice).toHaveLength(count)
})

test('twice takes a process that said its end for dead', () => {
  wrote('a', begin(1, 10, 'note-1', 'x'), ['exit', 0, 40])
  wrote('b', begin(1, 50, 'note-1', 'x'), ['end', 1, 60, true])
  expect(new Verdict(ledger, []).twice).toEqual([])
})

test.each([
  ['b', 15, 1],
  ['b', 25, 0],
])('overlaps finds runs of different records with one key', (by, at, count) => {
  wrote('a', begin(1, 10, 'key-1', 'x', 'k'), ['end', 1, 20, true])
  wrote(by, begin(1, at, 'key-2', 'y', 'k'), ['end', 1, at + 5, true])
  wrote(by, begin(2, at, 'key-3', 'z', 'other'), ['end', 2, at + 5, true])
  expect(new Verdict(ledger, []).overlaps).toHaveLength(count)
})

test('beyondLimit() finds more runs of a limited job at once in one process', () => {
  for (const run of [1, 2, 3]) wrote('a', begin(run, 10 + run, `limited-${run}`, `x${run}`))
  wrote('b', begin(1, 12, 'limited-4', 'y'))
  const verdict = new Verdict(ledger, [])
  expect(verdict.beyondLimit('limited', 2)).toEqual(['more than 2 runs of limited at once in a'])
  expect(verdict.beyondLimit('limited', 3)).toEqual([])
})

test('notPoison() finds a record that was set apart without six runs whose processes died', () => {
  const all = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const by of all) wrote(by, begin(1, 10, 'note-1', 'x'))
  const apart = new Set(['note-1'])
  expect(new Verdict(ledger, lives(Object.fromEntries(all.map((by) => [by, 20])))).notPoison(apart)).toEqual([])
  expect(new Verdict(ledger, lives({ a: 20, b: 20, c: 20, d: 20, e: 20 })).notPoison(apart)).toEqual([
    'note-1 was set apart',
  ])
})
