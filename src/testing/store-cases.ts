import assert from 'node:assert/strict'
import { clock, setImmediate } from '../clock.ts'
import { subscribe } from '../events.ts'
import { Retry } from '../task/retry.ts'
import type { Place, StoreLimits } from './store-contract.ts'
import { type Ended, ended, listen, serve } from './store-watch.ts'

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
    needs: ['survives'],
    title: 'no more dispatched calls run at once than the worker has room for',
    run: async (at) => {
      const afterword = at.start({ worker: { concurrency: 4 } })
      let [running, most] = [0, 0]
      const Free = afterword.job('free', async () => {
        most = Math.max(most, ++running)
        await new Promise(setImmediate)
        running--
      })
      const ends = ended('free', 30)
      await Promise.all(Array.from({ length: 30 }, () => Free.dispatch()))
      await ends
      assert.ok(most <= 4, `${most} calls ran at once`)
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

  {
    needs: ['survives'],
    title: 'arguments that can not be stored, or are too large, are refused at the call',
    run: async (at) => {
      const Send = at.start().job('send', (_what: unknown) => {})
      await assert.rejects(
        Send.dispatch(() => {}),
        { code: 'AFTERWORD_NOT_STORABLE' },
      )
      assert.throws(() => Send.defer('x'.repeat(300_000)), { code: 'AFTERWORD_PAYLOAD_TOO_LARGE' })
    },
  },
  {
    needs: ['survives'],
    title: 'a call that waits runs in another instance, with the options that are bound to it',
    run: async (at) => {
      using _reports = listen()
      const one = at.start({ worker: false })
      const fail = () => Promise.reject(new Error('no'))
      const id = await one.job('fail', fail, { retries: 9, backoff: 0 }).with({ retries: 1 }).dispatch()
      await one.close()
      const end = ended('fail')
      const two = at.start()
      two.job('fail', fail, { retries: 9, backoff: 0 })
      assert.deepEqual(await end, [{ id, attempt: 2, status: 'failed' }])
    },
  },
  {
    needs: ['survives'],
    title: 'a call that is delayed runs when it is due, and not if it has expired',
    run: async (at) => {
      const afterword = at.start()
      const ran = Promise.withResolvers<number>()
      const Remind = afterword.job('remind', () => ran.resolve(clock.date()))
      const Late = afterword.job('late', () => {})
      const late = ended('late')
      const called = clock.date()
      await Remind.with({ delay: 300 }).dispatch()
      await Late.with({ delay: 300, expires: 20 }).dispatch()
      assert.ok((await ran.promise) - called >= 300)
      assert.deepEqual(
        (await late).map(({ attempt, status }) => [attempt, status]),
        [[0, 'cancelled']],
      )
    },
  },
  {
    needs: ['survives', 'keys', 'cancels'],
    title: 'cancel() withdraws a call that waits, by its id or its key, from whichever instance, and none that runs',
    run: async (at) => {
      const [one, two] = [at.start(), at.start({ worker: false })]
      const begun = Promise.withResolvers<void>()
      const gate = Promise.withResolvers<void>()
      const handler = () => {
        begun.resolve()
        return gate.promise
      }
      const [Job, Same] = [one.job('job', handler), two.job('job', handler)]
      const id = await Job.with({ delay: 3_600_000 }).dispatch()
      await Job.with({ delay: 3_600_000, key: 'k' }).dispatch()
      assert.deepEqual([await two.cancel(id), await one.cancel(id)], [true, false])
      assert.deepEqual([await Same.cancel({ key: 'k' }), await Job.cancel({ key: 'k' })], [true, false])
      const running = await Job.dispatch()
      await begun.promise
      assert.equal(await two.cancel(running), false)
      const end = ended('job')
      gate.resolve()
      assert.deepEqual(await end, [{ id: running, attempt: 1, status: 'done' }])
    },
  },
  {
    needs: ['survives'],
    title: 'a call of a version that an instance does not know waits for one that does',
    run: async (at) => {
      const older = at.start()
      const seen: string[] = []
      older.job('mail', (to: string) => void seen.push(`older ${to}`))
      const newer = at.start({ worker: false })
      const Mail = newer.job('mail', (to: string) => void seen.push(`newer ${to}`), {
        version: 2,
        upgrade: (args: [string]) => args,
      })
      await Mail.dispatch('ada')
      const bob = ended('mail')
      await Mail.with<[string]>({ version: 1 }).dispatch('bob')
      await bob
      assert.deepEqual(seen, ['older bob'])
      const ada = ended('mail')
      newer.work()
      await ada
      assert.deepEqual(seen, ['older bob', 'newer ada'])
    },
  },
  {
    needs: ['survives'],
    title: 'an instance that is closed hands back what it has not begun, and no attempt is counted',
    run: async (at) => {
      const one = at.start({ shutdownTimeout: 100 })
      const begun = Promise.withResolvers<void>()
      const Hang = one.job(
        'hang',
        (): unknown => {
          begun.resolve()
          return new Promise(() => {})
        },
        { concurrency: 1 },
      )
      using _reports = listen()
      await Hang.dispatch()
      const waiting = await Hang.dispatch()
      await begun.promise
      await one.close()
      const runs = new Promise<Ended>((resolve) => {
        const unsubscribe = subscribe('task:ended', ({ task, outcome: { status } }) => {
          if (task.id !== waiting || status !== 'done') return
          unsubscribe()
          resolve({ id: task.id, attempt: task.attempt, status })
        })
      })
      at.start().job('hang', () => {})
      assert.deepEqual(await runs, { id: waiting, attempt: 1, status: 'done' })
    },
  },
]
