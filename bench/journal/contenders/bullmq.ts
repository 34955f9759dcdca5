import { Queue, Worker } from 'bullmq'
import type { Contender, Setup } from '../contender.ts'
import { Outbox } from '../outbox.ts'
import { type Payload, payload } from '../payload.ts'

/** As many as are in flight: the default of 1 would measure waiting. */
const concurrency = 128
const options = { removeOnComplete: true, removeOnFail: true, attempts: 5 }

async function open(place: Setup, appendfsync: 'everysec' | 'always') {
  const connection = { host: '127.0.0.1', port: place[appendfsync], maxRetriesPerRequest: null }
  const queue = new Queue(place.name, { connection })
  await queue.waitUntilReady()
  return { queue, connection }
}

export const bullmq = (appendfsync: 'everysec' | 'always'): Contender => ({
  async accept(place) {
    const { queue } = await open(place, appendfsync)
    return {
      call: () => queue.add('send-welcome', payload(), options),
      clear: () => queue.drain(),
    }
  },
  async run(place) {
    const { queue, connection } = await open(place, appendfsync)
    const outbox = new Outbox()
    const worker = new Worker<Payload>(place.name, async ({ data }) => outbox.send(data), { connection, concurrency })
    await worker.waitUntilReady()
    return {
      call: () => outbox.through((data) => queue.add('send-welcome', data, options)),
    }
  },
})
