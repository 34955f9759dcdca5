import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../statistics.ts'

const times = 200
const page = Buffer.alloc(4096, 'x')

/** Measures one `fdatasync` of an appended page in a folder, in ms. */
export function measureSync(folder: string): number {
  const path = join(folder, 'sync')
  const file = openSync(path, 'a')
  const taken = Array.from({ length: times }, () => {
    writeSync(file, page)
    const start = performance.now()
    fdatasyncSync(file)
    return performance.now() - start
  })
  closeSync(file)
  rmSync(path)
  return median(taken)
}
