import { Redis } from 'ioredis'
import { bullmq } from '../../src/engines/bullmq.ts'
import { redisUrl, startRedis } from '../support/redis.ts'
import { freshPrefix, Queues } from './bull.ts'
import { describeFaults } from './fault-contract.ts'

const states = {
  waiting: 'pending',
  delayed: 'pending',
  active: 'running',
  completed: 'done',
  failed: 'failed',
} as const

describeFaults({
  name: 'BullMQ',
  startServer: () => startRedis({ appendfsync: 'everysec' }),
  place: () => ({ prefix: freshPrefix() }),
  url: redisUrl,
  engine: ({ url, prefix = '' }) => bullmq({ connection: url, prefix }),
  async calls({ url, prefix = '' }, job) {
    await using queues = new Queues(url, prefix)
    const found = await queues.calls(job)
    return found.map(({ id, state, data }) => ({ id, state: states[state], args: data.args }))
  },
  async endConnections({ url }) {
    const client = new Redis(url)
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal')
    client.disconnect()
  },
})
