import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

describeAdapter({ server: 'koa', runtimes: nodeRuntimes })
