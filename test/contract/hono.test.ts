import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

describeAdapter({ server: 'hono', runtimes: nodeRuntimes })
describeAdapter({ server: 'hono', runtimes: ['Bun'], limits: { lateWrites: false } })
describeAdapter({ server: 'hono', runtimes: ['Deno'], limits: { lateWrites: false, earlyAborts: false } })
