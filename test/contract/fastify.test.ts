import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

describeAdapter({ server: 'fastify', runtimes: nodeRuntimes, closings: ['SIGTERM', 'its own close'] })
