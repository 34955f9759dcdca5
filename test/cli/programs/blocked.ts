import { writeSync } from 'node:fs'
import { configure, job } from '../../../src/index.ts'

// A job that blocks the thread for good.
configure({ journal: String(process.env.BLOCKED_FOLDER), slowTask: Infinity })

const Warm = job('warm', () => {}, { key: () => 'only' })
const Block = job('block', () => {
  writeSync(1, 'blocked\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})

// The journal has listed this process with its jobs, once it has answered.
await Warm.defer().outcome
Block.defer()
