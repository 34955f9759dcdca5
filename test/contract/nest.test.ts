import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

const closings = ['SIGTERM', 'its own close'] as const
describeAdapter({ server: 'nest', args: ['express'], runtimes: nodeRuntimes, closings })
describeAdapter({ server: 'nest', args: ['fastify'], runtimes: nodeRuntimes, closings })
