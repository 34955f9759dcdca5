import { join } from 'node:path'
import { configure, job } from 'afterword'
import type { Contender } from '../contender.ts'
import { type Payload, payload } from '../payload.ts'

const SendWelcome = job('send-welcome', (_mail: Payload) => {})

/** The calls of users. Without `sync` the jobs are in memory. */
export const jobs = (sync?: 'normal' | 'full'): Contender => ({
  async run({ folder }) {
    if (sync !== undefined) configure({ journal: { path: join(folder, 'journal'), sync } })
    return {
      async call() {
        const deferred = SendWelcome.defer(payload())
        await deferred.accepted
        await deferred.outcome
      },
    }
  },
  /** In a process that leaves the runs to others. */
  async accept({ folder }) {
    if (sync !== undefined) configure({ journal: { path: join(folder, 'journal'), sync }, worker: false })
    return { call: () => SendWelcome.dispatch(payload()) }
  },
})
