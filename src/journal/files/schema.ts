import { DatabaseSync } from 'node:sqlite'
import type { Database } from '../../options/app-database.ts'
import { NewerFile } from './newer-file.ts'
import { damage, isMisfit } from './sqlite-errors.ts'
import { atomically } from './transaction.ts'

/** The owners of a record that are no process. */
export const owner = {
  /** The record is free: any worker may claim it. */
  free: 0,
  /** The process of the record has ended: any process that knows the job may run it. */
  orphaned: -1,
  /** The process that had claimed the record has died: any worker may claim it. */
  orphanedClaim: -2,
  /** Another record of its lane goes first: nobody may claim it. */
  queued: -3,
} as const

/** The owners of records that a process may claim. */
export const claimableOwners = [owner.free, owner.orphaned, owner.orphanedClaim]

/**
 * The number by which a process owns its claims: the one after its own number, which is even. Should the process end, its claims are for
 * any worker; the records that it has deferred itself are for any process that knows the job.
 */
export const claimerOf = (process: number) => process + 1
/** In SQL: the owner is a process, by the number of its claims. */
export const isClaimer = 'owner % 2 = 1'
/** In SQL: the owner is this process, by either number. */
export const ownedBy = (process: number) => `owner IN (${process}, ${claimerOf(process)})`

/** The migrations go forward only: each release adds one for its changes. The version of a database is the number of its migrations. */
const migrations: readonly string[] = [
  `
  -- How many blocks of keys each slot has begun.
  CREATE TABLE afterword_slots (slot INTEGER PRIMARY KEY, block INTEGER NOT NULL) STRICT;

  -- Who lives, which jobs it runs, and the ids of the keys it has, as JSON; read where several processes share the records.
  CREATE TABLE afterword_processes (
    process INTEGER PRIMARY KEY, pid INTEGER NOT NULL, jobs TEXT NOT NULL, seals TEXT NOT NULL
  ) STRICT;

  CREATE TABLE afterword_records (
    key INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    version INTEGER NOT NULL,
    args TEXT NOT NULL,
    -- What was bound to the call.
    options TEXT,
    created INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    -- What run_at was set to, from then on: it tells that the clock was set back.
    delay INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    owner INTEGER NOT NULL,
    singleton TEXT
  ) STRICT;
  CREATE INDEX afterword_loose ON afterword_records (owner, job, crashes, run_at) WHERE owner <= 0;
  CREATE INDEX afterword_suspects ON afterword_records (crashes) WHERE crashes > 0;
  CREATE UNIQUE INDEX afterword_singletons ON afterword_records (job, singleton) WHERE singleton IS NOT NULL;

  CREATE TABLE afterword_failed (
    key INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    version INTEGER NOT NULL,
    args TEXT NOT NULL,
    options TEXT,
    created INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    singleton TEXT,
    reason TEXT NOT NULL,
    error TEXT,
    failed_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- The highest id of a record that was moved here from the log of a dead process of the slot.
  ALTER TABLE afterword_slots ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;

  -- The highest id of a record that a process of the slot has forwarded here from its log; records are forwarded in the order of their ids.
  CREATE TABLE afterword_forwarded (slot INTEGER PRIMARY KEY, record INTEGER NOT NULL) STRICT;
  -- The kind of a record decides which processes can run it: its version, the id of the key that encrypts it, its job.
  ALTER TABLE afterword_records ADD COLUMN kind TEXT NOT NULL GENERATED ALWAYS AS (
    version || ':' || CASE WHEN substr(args, 1, 7) = 'sealed:' THEN substr(args, 8, 8) ELSE '' END || ':' || job
  ) VIRTUAL;
  DROP INDEX afterword_loose;
  -- Begins anew with each kind: however many records of one kind there are, the next kind is one step away.
  CREATE INDEX afterword_loose ON afterword_records (owner, kind, crashes, run_at) WHERE owner <= 0;
  CREATE INDEX afterword_owned ON afterword_records (owner) WHERE owner > 0;
  CREATE INDEX afterword_failures ON afterword_failed (failed_at);
  `,
  `
  -- How long, in ms, a run of the record is known to have lasted that did not end.
  ALTER TABLE afterword_records ADD COLUMN ran INTEGER NOT NULL DEFAULT 0;
  -- The last release counted every end of a process: of those, one makes a record suspect.
  UPDATE afterword_records SET crashes = 1 WHERE crashes > 1;
  `,
  `
  -- The records that processes are asked to withdraw, which have them in memory: in the shared database. The answer is 1 if that was done, else 0.
  CREATE TABLE afterword_withdrawals (
    number INTEGER PRIMARY KEY, record INTEGER NOT NULL, asked INTEGER NOT NULL, answer INTEGER
  ) STRICT;

  -- The processes that are asked which of their records run: in the shared database. The answer is an array of record ids, as JSON.
  CREATE TABLE afterword_running (
    number INTEGER PRIMARY KEY, process INTEGER NOT NULL, asked INTEGER NOT NULL, records TEXT
  ) STRICT;

  -- The unique keys of records that are done, and that stay taken until a moment.
  CREATE TABLE afterword_keys (
    job TEXT NOT NULL, singleton TEXT NOT NULL, record INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (job, singleton)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX afterword_key_ends ON afterword_keys (until);

  -- The jobs of which no run begins: in the shared database.
  CREATE TABLE afterword_paused (job TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  -- The lane of a record: one record of each lane of a job runs at a time, in the order of their places. The others are 'queued'.
  ALTER TABLE afterword_records ADD COLUMN lane TEXT;
  ALTER TABLE afterword_records ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE afterword_failed ADD COLUMN lane TEXT;
  CREATE INDEX afterword_lanes ON afterword_records (job, lane, place) WHERE lane IS NOT NULL;
  CREATE TRIGGER afterword_lane_enter AFTER INSERT ON afterword_records WHEN NEW.lane IS NOT NULL BEGIN
    UPDATE afterword_records SET
      place = 1 + (SELECT max(place) FROM afterword_records WHERE lane IS NOT NULL AND job = NEW.job AND lane = NEW.lane),
      owner = iif(EXISTS (
        SELECT 1 FROM afterword_records WHERE lane IS NOT NULL AND job = NEW.job AND lane = NEW.lane AND key <> NEW.key
      ), ${owner.queued}, NEW.owner)
    WHERE key = NEW.key;
  END;
  CREATE TRIGGER afterword_lane_leave AFTER DELETE ON afterword_records WHEN OLD.lane IS NOT NULL BEGIN
    UPDATE afterword_records SET owner = ${owner.free} WHERE owner = ${owner.queued} AND key = (
      SELECT key FROM afterword_records WHERE lane IS NOT NULL AND job = OLD.job AND lane = OLD.lane ORDER BY place LIMIT 1
    );
  END;
  `,
]

/** Brings a database to the version of this release. @throws AfterwordError `AFTERWORD_JOURNAL_NEWER` */
export function migrate(database: Database, path: string): void {
  // A database that is up to date is not written to, and waits for no other process.
  if (versionOf(database) === migrations.length) return
  atomically(database, () => {
    database.exec('CREATE TABLE IF NOT EXISTS afterword (version INTEGER NOT NULL) STRICT')
    const version = requireKnownVersion(database, path)
    const found = version ?? 0
    for (const migration of migrations.slice(found)) database.exec(migration)
    if (version === undefined) database.prepare('INSERT INTO afterword VALUES (?)').run(migrations.length)
    else if (found < migrations.length) database.prepare('UPDATE afterword SET version = ?').run(migrations.length)
  })
}

/** Tells the version of a database. @throws AfterwordError `AFTERWORD_JOURNAL_NEWER` where this release does not know it */
export function requireKnownVersion(database: Database, path: string): number | undefined {
  const version = versionOf(database)
  if (version === undefined || version <= migrations.length) return version
  throw new NewerFile(path, version, migrations.length)
}

/** The version of a database; `undefined` for one that is new. */
export function versionOf(database: Database): number | undefined {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'afterword'").get()
  if (table === undefined) return undefined
  return (database.prepare('SELECT version FROM afterword').get() as { version: number } | undefined)?.version
}

/** Reads the columns of the tables of the journal that a database has. */
function columnsOf(database: Database): Set<string> {
  const rows = database
    .prepare(
      `SELECT schema.name || '.' || columns.name AS name FROM sqlite_schema AS schema, pragma_table_xinfo(schema.name) AS columns
      WHERE schema.type = 'table' AND schema.name LIKE 'afterword%'`,
    )
    .all() as { name: string }[]
  return new Set(rows.map(({ name }) => name))
}

/** The columns of a database that is new. */
let expected: ReadonlySet<string> | undefined

/**
 * Brings a database to the version of this release, and checks that it has all tables and columns: the text that describes them may be
 * damaged, which SQLite does not notice. @throws AfterwordError `AFTERWORD_JOURNAL_NEWER`
 */
export function migrateChecked(database: Database, path: string): void {
  try {
    migrate(database, path)
  } catch (error) {
    throw isMisfit(error) ? damage(String(error)) : error
  }
  if (expected === undefined) {
    const blank = new DatabaseSync(':memory:')
    migrate(blank, path)
    expected = columnsOf(blank)
    blank.close()
  }
  const found = columnsOf(database)
  const missing = [...expected].filter((column) => !found.has(column))
  if (missing.length > 0) throw damage(`Its schema lacks ${missing.join(', ')}`)
}
