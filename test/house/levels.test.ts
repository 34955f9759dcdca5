import { expect, test } from 'vitest'
import { filesIn, importsOf } from './source.ts'

/**
 * The levels of the house, from the ground up. A file or a folder may import, values and types alike, from its own name and from lower
 * levels, and never from a neighbour on the same level.
 */
const house = [
  ['control-characters.ts', 'engine-errors.ts'],
  ['error-table.ts'],
  [
    'error-text.ts',
    'errors.ts',
    'fifo.ts',
    'lazy-require.ts',
    'lost-this.ts',
    'platform.ts',
    'sent-response.ts',
    'stack-settings.ts',
    'version.ts',
  ],
  ['clock.ts', 'loop-delay.ts', 'node-version.ts'],
  ['timers.ts'],
  ['options', 'lifecycle.ts', 'printed-error.ts', 'report-limit.ts'],
  ['task'],
  ['events.ts', 'defer-signature.ts'],
  ['schedule', 'journal'],
  ['defer.ts', 'log-listener.ts', 'status.ts', 'journals.ts', 'engines'],
  ['jobs', 'journal-opening.ts', 'metrics.ts', 'no-journals.ts', 'stores'],
  ['ending'],
  ['shutdown.ts'],
  ['afterword.ts'],
  ['instance.ts'],
  ['index.ts', 'adapters'],
  ['observe'],
  ['dashboard'],
  ['cli', 'testing'],
]

/** The levels within the journal: client and server know each other by the protocol alone. */
const journal = [
  ['files', 'format'],
  ['protocol.ts'],
  ['client', 'server'],
  // A record of a dead process is moved from its log to a database before it is discarded from outside.
  ['inspection'],
  ['folder-journal.ts', 'app-database-journal.ts', 'inspector.ts', 'failed-records.ts', 'job-pauses.ts'],
]

/** The levels within the adapters: organs below, public entries above. Entries may build on each other. */
const adapters = [['refusal.ts'], ['handler', 'node', 'web'], ['next'], ['entries']]

const entries = new Set([
  'auto',
  'express',
  'koa',
  'fastify',
  'hono',
  'h3',
  'nest',
  'next',
  'fetch',
  'node-http',
  'aws-lambda',
])

/** A client starts the thread of its server, of which it knows no more than its code. */
const starts = new Map([['src/journal/client/channel.ts', 'src/journal/server/thread-code.ts']])

const files = filesIn('src')

/** Names the file or folder of a path within a folder. */
function roomOf(path: string, folder: string): string | undefined {
  if (!path.startsWith(`${folder}/`)) return undefined
  return path.slice(folder.length + 1).split('/', 1)[0]
}

/** Lists the imports that break the order of the levels. */
function broken(levels: readonly (readonly string[])[], roomOf: (path: string) => string | undefined): string[] {
  const levelOf = (room: string) => levels.findIndex((level) => level.includes(room))
  return files.flatMap((file) => {
    const room = roomOf(file.path)
    if (room === undefined) return []
    if (levelOf(room) === -1) return [`${file.path} is on no level`]
    return importsOf(file).flatMap((target) => {
      const other = roomOf(target)
      if (other === undefined || other === room || levelOf(other) < levelOf(room)) return []
      if (starts.get(file.path) === target) return []
      return [`${file.path} imports ${target}`]
    })
  })
}

test('src/: each file imports from lower levels only', () => {
  expect(files.length).toBeGreaterThan(100)
  expect(broken(house, (path) => roomOf(path, 'src'))).toEqual([])
})

test('src/journal/: client and server do not import each other, and the inspection stands above them', () => {
  expect(broken(journal, (path) => roomOf(path, 'src/journal'))).toEqual([])
})

test('src/adapters/: entries stand above their organs, and no other file stands beside them', () => {
  const room = (path: string) => {
    const name = roomOf(path, 'src/adapters')
    return name !== undefined && entries.has(name.replace('.ts', '')) && name.endsWith('.ts') ? 'entries' : name
  }
  expect(broken(adapters, room)).toEqual([])
})

test('test/house: a file that imports upward is found', () => {
  const upward = { path: 'src/task/task.ts', text: "import type { Scheduler } from '../schedule/scheduler.ts'" }
  expect(importsOf(upward)).toEqual(['src/schedule/scheduler.ts'])
  const onDemand = { path: 'src/afterword.ts', text: "load('./journal/folder-journal.ts', url)" }
  expect(importsOf(onDemand)).toEqual(['src/journal/folder-journal.ts'])
})
