import { openDatabase } from '../../../src/journal/files/database.ts'

// A process that opens a database, and tells what came of it.

const reports: string[] = []
try {
  openDatabase(String(process.argv[2]), 'normal', (code) => reports.push(code)).close()
  process.send?.({ type: 'opened', reports })
} catch (error) {
  process.send?.({ type: 'failed', reports, error: String(error) })
}
