import { configure, defer, instance, job } from '../../../src/index.ts'
import { knock, visit } from './visit.ts'

// A process without a server. The argument says what it has.
const what = process.argv[2]
if (what === 'nothing') await import('../../../src/adapters/auto.ts')
if (what === 'journal') configure({ journal: String(process.env.FOLDER) })
if (what === 'journal') job('mail', () => visit('mail'))
if (what === 'function') instance().onShutdown(() => knock('onShutdown'))
if (what === 'tasks') {
  defer.with({ timeout: 120_000 })(function mail() {
    return visit('held mail')
  })
}
// As a connection or a timer of the app would.
setInterval(() => {}, 1000)
await knock('up')
