import { Logger, makeWorkerUtils, type RunnerOptions, run } from 'graphile-worker'
import { Backlog, backlogSize } from '../backlog.ts'
import type { Contender, Setup } from '../contender.ts'
import { Outbox } from '../outbox.ts'
import { type Payload, payload } from '../payload.ts'

const task = 'send-welcome'
const logger = new Logger(() => (level, message) => level === 'error' && console.error(message))

const options = ({ postgres, name }: Setup, tuned: boolean): RunnerOptions => ({
  logger,
  noHandleSignals: true,
  preset: {
    worker: {
      connectionString: postgres,
      schema: name,
      ...(tuned && {
        concurrentJobs: 24,
        maxPoolSize: 26,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      }),
    },
  },
})

async function open(place: Setup, tuned: boolean) {
  const shared = options(place, tuned)
  const utils = await makeWorkerUtils(shared)
  await utils.migrate()
  return {
    shared,
    utils,
    clear: () => utils.withPgClient((client) => client.query(`DELETE FROM ${place.name}._private_jobs`)),
  }
}

export const graphileWorker = (tune?: 'tuned'): Contender => ({
  async accept(place) {
    const { utils, clear } = await open(place, tune === 'tuned')
    return { call: () => utils.addJob(task, payload()), clear }
  },
  async run(place) {
    const { shared, utils } = await open(place, tune === 'tuned')
    const outbox = new Outbox()
    await run({ ...shared, taskList: { [task]: (payload) => outbox.send(payload as Payload) } })
    return {
      call: () => outbox.through((data) => utils.addJob(task, data)),
    }
  },
  async backlog(place) {
    const { shared, utils } = await open(place, true)
    const backlog = new Backlog()
    return {
      async drain() {
        await utils.addJobs(Array.from({ length: backlogSize }, () => ({ identifier: task, payload: payload() })))
        const rate = backlog.expect(backlogSize)
        const runner = await run({ ...shared, taskList: { [task]: backlog.ran } })
        try {
          return await rate
        } finally {
          await runner.stop()
        }
      },
    }
  },
})
