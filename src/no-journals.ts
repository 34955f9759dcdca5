import { AfterwordError } from './errors.ts'

// A journal needs a disk: where there is none, bundles have this file in place of `journals.ts`.

function refuse(): never {
  const cause = new Error('There is no disk on this host')
  throw new AfterwordError('AFTERWORD_JOURNAL_FOLDER', ['of this instance'], { cause })
}

export const folderJournal: typeof import('./journals.ts').folderJournal = refuse
export const appDatabaseJournal: typeof import('./journals.ts').appDatabaseJournal = refuse
