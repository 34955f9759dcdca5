import { load } from './lazy-require.ts'

// A journal's module is loaded when a journal is asked for, and at once. This file does so for the source as it is; the build puts one in its
// place that every bundler can follow: see `tools/build-package.js`.

/** Loads the journal in a folder. */
export function folderJournal(): typeof import('./journal/folder-journal.ts') {
  return load('./journal/folder-journal.ts', import.meta.url)
}

/** Loads the journal in a database of the app. */
export function appDatabaseJournal(): typeof import('./journal/app-database-journal.ts') {
  return load('./journal/app-database-journal.ts', import.meta.url)
}
