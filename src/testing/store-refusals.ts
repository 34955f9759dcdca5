import assert from 'node:assert/strict'
import type { StoreCase } from './store-cases.ts'
import { ended } from './store-watch.ts'

/** The cases of stores that have a limit: what they can't keep is refused. */
export const refusedCases: readonly StoreCase[] = [
  {
    without: 'keys',
    title: 'a job with a key is refused when it is defined, or when the key is bound to a call',
    run: async (at) => {
      const afterword = at.start()
      const refused = { code: 'AFTERWORD_ENGINE_LACKS' }
      assert.throws(() => afterword.job('sync', () => {}, { key: 'one' }), refused)
      const Sync = afterword.job('other', () => {})
      await assert.rejects(Sync.with({ key: 'one' }).dispatch(), refused)
    },
  },
  {
    needs: ['survives'],
    without: 'cancels',
    title: 'cancel() of a call that was accepted is refused, and the call runs',
    run: async (at) => {
      const afterword = at.start()
      const Job = afterword.job('job', () => {})
      const end = ended('job')
      const id = await Job.with({ delay: 1000 }).dispatch()
      await assert.rejects(afterword.cancel(id), { code: 'AFTERWORD_NOT_CANCELLED' })
      await assert.rejects(Job.cancel({ key: 'k' }), { code: 'AFTERWORD_NOT_CANCELLED' })
      assert.deepEqual(await end, [{ id, attempt: 1, status: 'done' }])
    },
  },
]
