import { configure, job } from '../../../src/index.ts'

// A process that dies with a call that has failed and one that runs: its log has both.
configure({ journal: String(process.env.LEFT_FOLDER) })

const Fail = job('fail', () => Promise.reject(new Error('no luck')), { retries: 0 })
const Hang = job('hang', () => new Promise(() => {}))
await Fail.defer().outcome
// The end of a run is written with the next call.
await Hang.defer().accepted
process.kill(process.pid, 'SIGKILL')
