import { openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FileLocks } from '../../../src/journal/files/file-locks.ts'

// Holds a lock, opens files until the system gives no more, and tells whether the lock looks as if it were dropped.
const path = join(String(process.argv[2]), 'lock')
const database = new DatabaseSync(path)
database.exec('BEGIN EXCLUSIVE')
const locks = new FileLocks(path)
let code: unknown
while (code === undefined) {
  try {
    openSync('/dev/null', 'r')
  } catch (error) {
    code = (error as NodeJS.ErrnoException).code
  }
}
process.send?.({ type: 'looked', code, areDropped: locks.areDropped, isOpen: database.isOpen })
process.disconnect()
