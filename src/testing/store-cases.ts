import assert from 'node:assert/strict'
import { setImmediate } from '../clock.ts'
import { Retry } from '../task/retry.ts'
import type { Place, StoreLimits } from './store-contract.ts'
import { ended, listen, serve } from './store-watch.ts'

/** A case of the contract, on a store of its own. */
export interface StoreCase {
  readonly title: string
  /** The case is left out where the store has one of these limits. */
  readonly needs?: readonly (keyof StoreLimits)[]
  /** The case is left out where the store has not that limit. */
  readonly without?: keyof StoreLimits
  run(at: Place): Promise<void>
}

export const storeCases: readonly StoreCase[] = [
  {
    title: 'dispatch() resolves with the id that the run sees, with the arguments as they were',
    run: async (at) => {
      const afterword = at.start()
      const seen: unknown[] = []
      const Send = afterword.job('send', (...args: unknown[]) => {
        seen.push(args, afterword.currentTask()?.id, afterword.currentTask()?.attempt)
      })
      const end = ended('send')
      const args = ['a\0😀', new Date(7), new Map([['key', new Uint8Array([1, 2])]]), undefined, 10n]
      const id = await Send.dispatch(...args)
      assert.deepEqual(await end, [{ id, attempt: 1, status: 'done' }])
      assert.deepEqual(seen, [args, id, 1])
    },
  },
  {
    title: 'defer() in a request runs after its response',
    run: async (at) => {
      const afterword = at.start()
      const events: string[] = []
      const Send = afterword.job('send', () => void events.push('ran'))
      const end = ended('send')
      await using site = await serve(afterword, (_req, res) => {
        Send.defer()
        setImmediate(() => {
          events.push('ended')
          res.end('fine')
        })
      })
      assert.equal(await (await fetch(site.url)).text(), 'fine')
      assert.deepEqual(
        (await end).map(({ status }) => status),
        ['done'],
      )
      assert.deepEqual(events, ['ended', 'ran'])
    },
  },
  {
    title: 'a call that fails is tried again, and its attempts count',
    run: async (at) => {
      const afterword = at.start()
      using _reports = listen()
      const attempts: unknown[] = []
      const Flaky = afterword.job('flaky', () => {
        if (attempts.push(afterword.currentTask()?.attempt) < 3) throw Retry.after(1)
      })
      const end = ended('flaky')
      const id = await Flaky.dispatch()
      assert.deepEqual(await end, [{ id, attempt: 3, status: 'done' }])
      assert.deepEqual(attempts, [1, 2, 3])
    },
  },
  {
    title: 'a call fails for good after its retries, at once where it says so, and when its time is up',
    run: async (at) => {
      const afterword = at.start()
      using reports = listen()
      const Fail = afterword.job('fail', () => Promise.reject(new Error('no')), { retries: 1, backoff: 0 })
      const Never = afterword.job('never', () => Promise.reject(Retry.never('no')))
      const Hang = afterword.job('hang', () => new Promise(() => {}), { retries: 0, timeout: 20 })
      const ends = Promise.all([ended('fail'), ended('never'), ended('hang')])
      for (const job of [Fail, Never, Hang]) await job.dispatch()
      assert.deepEqual(
        (await ends).flat().map(({ attempt, status }) => [attempt, status]),
        [
          [2, 'failed'],
          [1, 'failed'],
          [1, 'timed-out'],
        ],
      )
      const codes = reports.codes.filter((code) => /_(FAILED|TIMED_OUT)$/.test(code)).sort()
      assert.deepEqual(codes, ['AFTERWORD_TASK_FAILED', 'AFTERWORD_TASK_FAILED', 'AFTERWORD_TASK_TIMED_OUT'])
    },
  },
  {
    needs: ['keys'],
    title: 'a second call with a key is not added while the first one runs, and is once that is done',
    run: async (at) => {
      const afterword = at.start()
      const begun = Promise.withResolvers<void>()
      const gate = Promise.withResolvers<void>()
      const runs: number[] = []
      const Sync = afterword.job(
        'sync',
        async (n: number) => {
          runs.push(n)
          begun.resolve()
          await gate.promise
        },
        { key: 'one' },
      )
      const Other = afterword.job('other', () => {})
      await Sync.dispatch(1)
      await begun.promise
      await Sync.dispatch(2)
      // What comes later is done: the second call would have begun as well.
      const other = ended('other')
      await Other.dispatch()
      await other
      const end = ended('sync')
      gate.resolve()
      await end
      // The key is free a moment after the end.
      while (!runs.includes(3)) {
        await Sync.dispatch(3)
        await new Promise(setImmediate)
      }
      assert.ok(!runs.includes(2))
    },
  },
  {
    title: 'no more calls of a job run at once than its concurrency',
    run: async (at) => {
      const afterword = at.start()
      let [running, most] = [0, 0]
      const Limited = afterword.job(
        'limited',
        async () => {
          most = Math.max(most, ++running)
          await new Promise(setImmediate)
          running--
        },
        { concurrency: 2 },
      )
      const ends = ended('limited', 30)
      await Promise.all(Array.from({ length: 30 }, () => Limited.dispatch()))
      await ends
      assert.ok(most <= 2, `${most} calls ran at once`)
    },
  },
  {
    title: 'the items of a batch run together',
    run: async (at) => {
      const afterword = at.start()
      const batches: number[][] = []
      const options = { size: 4, within: 60_000 }
      const Track = afterword.batch<number>('track', (items) => void batches.push(items.sort()), options)
      const ends = ended('track', 4)
      for (const item of [1, 2, 3, 4]) Track.defer(item)
      await ends
      assert.deepEqual(batches, [[1, 2, 3, 4]])
    },
  },
]
