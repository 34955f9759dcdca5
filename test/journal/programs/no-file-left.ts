import { closeSync, openSync } from 'node:fs'
import { SlotLocks } from '../../../src/journal/client/slot-locks.ts'
import { openProcessSlot } from '../../../src/journal/files/process-slot.ts'

// A process with as many open files as it may have, which adopts the slot of a dead sibling.

const folder = process.argv[2] as string
openProcessSlot(folder).lock.release()
const locks = new SlotLocks(folder, undefined)
const files: number[] = []
try {
  for (;;) files.push(openSync('/dev/null', 'r'))
} catch {}
const full = locks.adopt(1)
for (const file of files.splice(0)) closeSync(file)
process.send?.({ type: 'adopted', full, after: locks.adopt(1) })
