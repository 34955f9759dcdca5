/** Result codes of SQLite, https://sqlite.org/rescode.html, by their names. */
const codes = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_NOMEM: 7,
  SQLITE_READONLY: 8,
  SQLITE_INTERRUPT: 9,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_PROTOCOL: 15,
  SQLITE_NOTADB: 26,
} as const
/** The code of errors in a statement, which concern neither the file nor the system. */
const statementCode = 1
const code = {
  busy: codes.SQLITE_BUSY,
  readOnly: codes.SQLITE_READONLY,
  notRead: codes.SQLITE_IOERR,
  damaged: codes.SQLITE_CORRUPT,
  notOpened: codes.SQLITE_CANTOPEN,
  noDatabase: codes.SQLITE_NOTADB,
}

function codeOf(error: unknown): number {
  const { errcode, code: name } = (error ?? {}) as { errcode?: unknown; code?: unknown }
  if (errcode !== undefined) return (Number(errcode) || 0) & 0xff
  // better-sqlite3 names the codes, with more behind them.
  const [base = ''] = /^SQLITE_[A-Z]+/.exec(String(name)) ?? []
  return codes[base as keyof typeof codes] ?? 0
}

/** The error concerns the file or the system: not the one record with which it came. */
export function concernsFile(error: unknown): boolean {
  return Object.values<number>(codes).includes(codeOf(error))
}

/** The error says that a value is no number that JavaScript can have. */
export function isOutOfRange(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_OUT_OF_RANGE'
}

/** The error says that nothing can be written for a while: another process is writing, or the app is reading by the same connection. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === code.busy || isReading(error)
}

/** The error of better-sqlite3 says that the app reads the rows of a query one by one: the connection writes nothing meanwhile. */
export function isReading(error: unknown): boolean {
  return error instanceof TypeError && error.message.includes('busy executing a query')
}

/** Makes an error that `isBusy` recognises. */
export function busy(message: string): Error {
  return Object.assign(new Error(message), { errcode: code.busy })
}

/** Makes an error that `isDamage` recognises. */
export function damage(message: string): Error {
  return Object.assign(new Error(message), { errcode: code.damaged })
}

/** The error says that the file is damaged. */
export function isDamage(error: unknown): boolean {
  return codeOf(error) === code.damaged || isNoDatabase(error)
}

/** The error says that the file is no database, or damaged from its first bytes on. */
export function isNoDatabase(error: unknown): boolean {
  return codeOf(error) === code.noDatabase
}

/** The error says that a statement of the journal does not fit the database: tables or columns are missing, or there already. */
export function isMisfit(error: unknown): boolean {
  const { errcode, code: name } = (error ?? {}) as { errcode?: unknown; code?: unknown }
  return errcode === statementCode || (errcode === undefined && name === 'SQLITE_ERROR')
}

/** Makes an error of a file that could not be read: it tells nothing of what is in the file. */
export function unread(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { errcode: code.notRead })
}

/** The error says that a file could not be read, or not be written. */
export function isUnread(error: unknown): boolean {
  return codeOf(error) === code.notRead || (error as { code?: unknown } | null)?.code === 'EIO'
}

/** The error says that the system refuses access, or SQLite, which needs files beside the one that it opens. */
export function isForbidden(error: unknown): boolean {
  const { code: name } = error as { code?: unknown }
  const isRefused = name === 'EACCES' || name === 'EPERM' || name === 'EROFS'
  return isRefused || codeOf(error) === code.readOnly || codeOf(error) === code.notOpened
}
