import { configure, job } from '../../../src/index.ts'
import { prometheus } from '../../../src/observe/prometheus.ts'

// An app that asks for metrics before it names its journal.
const metrics = prometheus()
configure({ journal: String(process.argv[2]), worker: false, signals: false })
await job('note', () => {}).dispatch()
process.send?.({ type: 'text', text: await metrics.text() })
process.disconnect()
