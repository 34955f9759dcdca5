import { answer } from '../program.ts'
import { openJournal } from './afterword.ts'

// A process that stores records, runs none of them, and is killed.

const accept = openJournal(process.argv[2] ?? '', 'normal')
const inFlight = 1024

answer<{ readonly records: number }, boolean>(async ({ records }) => {
  for (let left = records; left > 0; left -= inFlight) {
    await Promise.all(Array.from({ length: Math.min(left, inFlight) }, accept))
  }
  return true
})
