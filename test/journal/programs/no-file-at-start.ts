import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { type AfterwordError, configure, instance } from '../../../src/index.ts'

// Configures a journal while the process may open no more files, and once more when it may. Run with a low limit of open files.
const journal = String(process.argv[2])
const open: number[] = []
try {
  for (;;) open.push(openSync(devNull, 'r'))
} catch {
  // That was the last one.
}
let code: string | undefined
try {
  configure({ journal })
} catch (error) {
  ;({ code } = error as AfterwordError)
}
for (const file of open) closeSync(file)
configure({ journal })
process.send?.({ type: 'configured', code })
await instance().close()
process.disconnect?.()
