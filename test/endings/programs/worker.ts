import { configure, defer, instance } from '../../../src/index.ts'
import { knock, visit } from './visit.ts'

// A process with a task that waits at the gate.
configure({ shutdownTimeout: 600_000, slowTask: Infinity })
instance().addIntake({ stop: () => knock('stopping'), abort() {} })
instance().onShutdown(() => knock('onShutdown'))
defer.with({ timeout: 120_000 })(function mail() {
  return visit('held mail')
})
