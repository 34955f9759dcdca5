import { AfterwordError } from './errors.ts'
import { appDatabaseJournal, folderJournal } from './journals.ts'
import type { EngineSettings } from './options/engine-option.ts'
import type { AfterwordSettings } from './options/instance-options.ts'
import { type JournalSettings, validateJournal } from './options/journal-options.ts'
import type { Claimer, Journal, JournalMaker, RecordIdTexts } from './task/record.ts'

type OwnSettings = JournalSettings & EngineSettings & { readonly ids?: RecordIdTexts }

/** Opens the journal. Its module is loaded when a journal is asked for, and at once: from the first request on, jobs are to be kept. */
export function openJournal(
  { journal, engine, maxPayload, holdTimeout }: AfterwordSettings,
  worker: Claimer,
): Journal | undefined {
  const settings = journal === undefined ? undefined : { ...validateJournal(journal), maxPayload, holdTimeout }
  if (engine === undefined) return settings && openOwn(settings, worker)
  const own = settings && ((claimer: Claimer, ids: RecordIdTexts) => openOwn({ ...settings, ids }, claimer))
  const { path: folder, maxDisk } = settings ?? {}
  return (engine as JournalMaker).open({ maxPayload, holdTimeout, folder, maxDisk }, worker, own)
}

function openOwn({ path, database, ...options }: OwnSettings, claimer: Claimer): Journal {
  if (database !== undefined) {
    return loaded(appDatabaseJournal, 'database').openAppDatabaseJournal({ database, ...options }, claimer)
  }
  return loaded(folderJournal, path).openFolderJournal({ path, ...options }, claimer)
}

/** Loads the module of a journal. Throws where that can't be read: the process may open no more files, for example. */
function loaded<T>(load: () => T, journal: string): T {
  try {
    return load()
  } catch (cause) {
    throw new AfterwordError('AFTERWORD_JOURNAL_FOLDER', [journal], { cause })
  }
}
