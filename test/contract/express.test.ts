import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

describeAdapter({ server: 'express', args: ['express'], runtimes: nodeRuntimes })
describeAdapter({ server: 'express', args: ['express-4'], runtimes: nodeRuntimes })
