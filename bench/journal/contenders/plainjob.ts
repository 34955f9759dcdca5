import { join } from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, type Logger } from 'plainjob'
import type { Contender, Setup } from '../contender.ts'
import { Outbox } from '../outbox.ts'
import { payload } from '../payload.ts'

const noop = () => {}
const logger: Logger = { error: console.error, warn: noop, info: noop, debug: noop }
const job = 'send-welcome'

async function open({ folder }: Setup) {
  const connection = better(new Database(join(folder, 'jobs.db')))
  const queue = defineQueue({ connection, logger })
  return { queue, clear: async () => connection.exec('DELETE FROM plainjob_jobs') }
}

export const plainjob: Contender = {
  async accept(place) {
    const { queue, clear } = await open(place)
    return { call: async () => queue.add(job, payload()), clear }
  },
  async run(place) {
    const { queue, clear } = await open(place)
    const outbox = new Outbox()
    // Only when there is nothing to do: as often as does not disturb the others meanwhile.
    const options = { queue, logger, pollIntervall: 5 }
    void defineWorker(job, ({ data }) => outbox.send(JSON.parse(data)), options).start()
    return {
      call: () => outbox.through((data) => queue.add(job, data)),
      clear,
    }
  },
}
