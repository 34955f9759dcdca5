import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

describeAdapter({ server: 'h3', runtimes: nodeRuntimes, closings: ['SIGTERM', 'its own close'] })
describeAdapter({
  server: 'h3',
  runtimes: ['Bun'],
  closings: ['SIGTERM', 'its own close'],
  limits: { lateWrites: false },
})
describeAdapter({
  server: 'h3',
  runtimes: ['Deno'],
  closings: ['SIGTERM', 'its own close'],
  limits: { lateWrites: false, earlyAborts: false },
})
