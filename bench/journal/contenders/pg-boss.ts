import { PgBoss, type WorkOptions } from 'pg-boss'
import { Backlog, backlogSize } from '../backlog.ts'
import type { Contender, Setup } from '../contender.ts'
import { Outbox } from '../outbox.ts'
import { type Payload, payload } from '../payload.ts'

const queue = 'send-welcome'
const tuned: WorkOptions = {
  batchSize: 200,
  localConcurrency: 4,
  pollingIntervalSeconds: 0.5,
  burstWhenBatchFull: true,
}

async function open({ postgres, name }: Setup, notify = false) {
  const boss = new PgBoss({ connectionString: postgres, schema: name, schedule: false, useListenNotify: notify })
  boss.on('error', console.error)
  await boss.start()
  await boss.createQueue(queue, { notify })
  return { boss, clear: () => boss.deleteAllJobs(queue) }
}

export const pgBoss = (options?: 'tuned'): Contender => ({
  async accept(place) {
    const { boss, clear } = await open(place)
    return { call: () => boss.send(queue, payload()), clear }
  },
  async run(place) {
    const { boss, clear } = await open(place, options === 'tuned')
    const outbox = new Outbox()
    await boss.work<Payload>(queue, options === 'tuned' ? tuned : {}, async (jobs) => {
      for (const { data } of jobs) outbox.send(data)
    })
    return {
      call: () => outbox.through((data) => boss.send(queue, data)),
      async clear() {
        outbox.clear()
        await clear()
      },
    }
  },
  async backlog(place) {
    const { boss, clear } = await open(place)
    const backlog = new Backlog()
    return {
      async drain() {
        await boss.insert(
          queue,
          Array.from({ length: backlogSize }, () => ({ data: payload() })),
        )
        const rate = backlog.expect(backlogSize)
        await boss.work(queue, tuned, async (jobs) => jobs.forEach(backlog.ran))
        try {
          return await rate
        } finally {
          await boss.offWork(queue)
          await clear()
        }
      },
    }
  },
})
