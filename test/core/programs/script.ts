import { setTimeout as after } from 'node:timers/promises'
import { configure, defer } from '../../../src/index.ts'

// The channel to the tests would keep this process alive by itself.
process.channel?.unref()
// A busy machine may interrupt any task for a while.
configure({ slowTask: Infinity })

switch (process.argv[2]) {
  case 'finish': {
    let attempts = 0
    defer(async () => {
      await after(20)
      console.log('ran')
      defer.with({ retries: 1, backoff: 20 })(() => {
        if (++attempts === 1) throw new Error('once more')
        console.log('retried')
      })
    })
    console.log('deferred')
    break
  }
  case 'exit':
    defer(function write() {})
    process.exit(0)
    break
  case 'crash':
    defer(function write() {})
    throw new Error('boom')
}
