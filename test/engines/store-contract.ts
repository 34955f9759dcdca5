import { describe, expect, test } from 'vitest'
import { type Afterword, Retry, subscribe } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

/** A place where calls of jobs are kept. */
export interface Store {
  /** Starts an instance on the place, as another process would. */
  start(options?: { worker?: boolean | { concurrency: number }; shutdownTimeout?: number }): Afterword
  /** Lets go of the place, once all instances are closed. */
  remove(): Promise<void>
}

export interface StoreContract {
  readonly name: string
  readonly open: () => Promise<Store>
  /** Calls end with their instance: the cases that need another one are left out. */
  readonly forgets?: boolean
}

interface Ended {
  readonly id: string
  readonly attempt: number
  readonly status: string
}

/** Resolves with the ends of so many calls of a job, wherever in this process they run. */
function ended(name: string, count = 1): Promise<Ended[]> {
  const seen: Ended[] = []
  return new Promise((resolve) => {
    const unsubscribe = subscribe('task:ended', ({ task, outcome }) => {
      // A call that goes elsewhere, or was not added, has not ended.
      if (task.name !== name || (outcome.status === 'cancelled' && outcome.reason !== 'expired')) return
      seen.push({ id: task.id, attempt: task.attempt, status: outcome.status })
      if (seen.length < count) return
      unsubscribe()
      resolve(seen)
    })
  })
}

/** Describes what every store does alike: memory, a journal, an engine. */
export function describeStore({ name, open, forgets = false }: StoreContract): void {
  /** Opens a place for one case. */
  async function place() {
    const store = await open()
    const all: Afterword[] = []
    return {
      start(options?: Parameters<Store['start']>[0]): Afterword {
        const afterword = store.start(options)
        all.push(afterword)
        return afterword
      },
      async [Symbol.asyncDispose]() {
        for (const afterword of all) await afterword.close()
        await store.remove()
      },
    }
  }

  describe(`calls that are kept ${name}`, () => {
    test('dispatch() resolves with the id that the run sees, with the arguments as they were', async () => {
      await using at = await place()
      const afterword = at.start()
      const seen: unknown[] = []
      const Send = afterword.job('send', (...args: unknown[]) => {
        seen.push(args, afterword.currentTask()?.id, afterword.currentTask()?.attempt)
      })
      const end = ended('send')
      const args = ['a\0😀', new Date(7), new Map([['key', new Uint8Array([1, 2])]]), undefined, 10n]
      const id = await Send.dispatch(...args)
      expect(await end).toEqual([{ id, attempt: 1, status: 'done' }])
      expect(seen).toEqual([args, id, 1])
    })

    test('defer() in a request runs after its response', async () => {
      await using at = await place()
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
      expect(await site.get()).toBe('fine')
      expect((await end).map(({ status }) => status)).toEqual(['done'])
      expect(events).toEqual(['ended', 'ran'])
    })

    test('a call that fails is tried again, and its attempts count', async () => {
      await using at = await place()
      const afterword = at.start()
      using _reports = new Reports()
      const attempts: unknown[] = []
      const Flaky = afterword.job('flaky', () => {
        if (attempts.push(afterword.currentTask()?.attempt) < 3) throw Retry.after(1)
      })
      const end = ended('flaky')
      const id = await Flaky.dispatch()
      expect(await end).toEqual([{ id, attempt: 3, status: 'done' }])
      expect(attempts).toEqual([1, 2, 3])
    })

    test('a call fails for good after its retries, at once where it says so, and when its time is up', async () => {
      await using at = await place()
      const afterword = at.start()
      using reports = new Reports()
      const Fail = afterword.job('fail', () => Promise.reject(new Error('no')), { retries: 1, backoff: 0 })
      const Never = afterword.job('never', () => Promise.reject(Retry.never('no')))
      const Hang = afterword.job('hang', () => new Promise(() => {}), { retries: 0, timeout: 20 })
      const ends = Promise.all([ended('fail'), ended('never'), ended('hang')])
      for (const job of [Fail, Never, Hang]) await job.dispatch()
      expect((await ends).flat().map(({ attempt, status }) => [attempt, status])).toEqual([
        [2, 'failed'],
        [1, 'failed'],
        [1, 'timed-out'],
      ])
      expect(reports.codes.filter((code) => code !== 'AFTERWORD_TASK_RETRIED').sort()).toEqual([
        'AFTERWORD_TASK_FAILED',
        'AFTERWORD_TASK_FAILED',
        'AFTERWORD_TASK_TIMED_OUT',
      ])
    })

    test('a second call with a key is not added while the first one runs, and is once that is done', async () => {
      await using at = await place()
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
      await expect
        .poll(async () => {
          await Sync.dispatch(3)
          return runs
        })
        .toContain(3)
      expect(runs).not.toContain(2)
    })

    test('no more calls of a job run at once than its concurrency, nor than the worker has', async () => {
      await using at = await place()
      const afterword = at.start({ worker: { concurrency: 4 } })
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
      expect(most).toBeLessThanOrEqual(2)
    })

    test('the items of a batch run together', async () => {
      await using at = await place()
      const afterword = at.start()
      const batches: number[][] = []
      const options = { size: 4, within: 60_000 }
      const Track = afterword.batch<number>('track', (items) => void batches.push(items.sort()), options)
      const ends = ended('track', 4)
      for (const item of [1, 2, 3, 4]) Track.defer(item)
      await ends
      expect(batches).toEqual([[1, 2, 3, 4]])
    })

    if (forgets) return

    test('arguments that can not be stored, or are too large, are refused at the call', async () => {
      await using at = await place()
      const Send = at.start().job('send', (_what: unknown) => {})
      await expect(Send.dispatch(() => {})).rejects.toMatchObject({ code: 'AFTERWORD_NOT_STORABLE' })
      expect(() => Send.defer('x'.repeat(300_000))).toThrow('more than maxPayload')
    })

    test('a call that waits runs in another instance, with the options that are bound to it', async () => {
      await using at = await place()
      using _reports = new Reports()
      const one = at.start({ worker: false })
      const fail = () => Promise.reject(new Error('no'))
      const id = await one.job('fail', fail, { retries: 9, backoff: 0 }).with({ retries: 1 }).dispatch()
      await one.close()
      const end = ended('fail')
      const two = at.start()
      two.job('fail', fail, { retries: 9, backoff: 0 })
      expect(await end).toEqual([{ id, attempt: 2, status: 'failed' }])
    })

    test('a call that is delayed runs when it is due, and not if it has expired', async () => {
      await using at = await place()
      const afterword = at.start()
      const ran = Promise.withResolvers<number>()
      const Remind = afterword.job('remind', () => ran.resolve(Date.now()))
      const Late = afterword.job('late', () => {})
      const late = ended('late')
      const called = Date.now()
      await Remind.with({ delay: 300 }).dispatch()
      await Late.with({ delay: 300, expires: 20 }).dispatch()
      expect((await ran.promise) - called).toBeGreaterThanOrEqual(300)
      expect((await late).map(({ attempt, status }) => [attempt, status])).toEqual([[0, 'cancelled']])
    })

    test('cancel() withdraws a call that waits, by its id or its key, from whichever instance, and none that runs', async () => {
      await using at = await place()
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
      expect([await two.cancel(id), await one.cancel(id)]).toEqual([true, false])
      expect([await Same.cancel({ key: 'k' }), await Job.cancel({ key: 'k' })]).toEqual([true, false])
      const running = await Job.dispatch()
      await begun.promise
      expect(await two.cancel(running)).toBe(false)
      const end = ended('job')
      gate.resolve()
      expect(await end).toEqual([{ id: running, attempt: 1, status: 'done' }])
    })

    test('a call of a version that an instance does not know waits for one that does', async () => {
      await using at = await place()
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
      expect(seen).toEqual(['older bob'])
      const ada = ended('mail')
      newer.work()
      await ada
      expect(seen).toEqual(['older bob', 'newer ada'])
    })

    test('an instance that is closed hands back what it has not begun, and no attempt is counted', async () => {
      await using at = await place()
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
      using _reports = new Reports()
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
      expect(await runs).toEqual({ id: waiting, attempt: 1, status: 'done' })
    })
  })
}
