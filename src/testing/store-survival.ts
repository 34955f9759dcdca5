import assert from 'node:assert/strict'
import { clock, setImmediate } from '../clock.ts'
import { subscribe } from '../events.ts'
import type { StoreCase } from './store-cases.ts'
import { type Ended, ended, listen } from './store-watch.ts'

/** The cases of stores whose calls outlive their instance. */
export const survivalCases: readonly StoreCase[] = [
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
