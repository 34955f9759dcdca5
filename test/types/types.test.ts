import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expectTypeOf, it } from 'vitest'
import {
  type CurrentTask,
  currentTask,
  type Deferred,
  defer,
  finishRequest,
  instance,
  type Job,
  job,
  type Outcome,
  onSent,
  waitUntil,
} from '../../src/index.ts'

const send = async (to: string, copies = 1): Promise<number> => to.length * copies

// Checked by the compiler, never called: a wrong call must not compile.
function mustCompile() {
  defer(send, 'a@b.c')
  defer(send, 'a@b.c', 2)
  defer(() => {})
  defer.with({ retries: 2, when: (response) => response.status === 404 })(send, 'a@b.c')
  waitUntil(send('a@b.c'))
  void (async () => {
    await currentTask()?.yield()
    // @ts-expect-error: outside a task there is none
    await currentTask().yield()
  })
  instance().around((run) => run())
  instance().around((run, task) => new AsyncLocalStorage<string>().run(task.name, run))
  instance().around(async (run) => {
    const result = await run()
    await send('a@b.c')
    return result
  })
  // @ts-expect-error: the result of the run is not returned
  instance().around((run) => void run())
  // @ts-expect-error: nor is it here
  instance().around(async (run) => {
    await run()
  })
  onSent(() => {})
  // @ts-expect-error: the argument is missing
  defer(send)
  // @ts-expect-error: a number is no string
  defer(send, 1)
  // @ts-expect-error: too many arguments
  defer(send, 'a@b.c', 2, 3)
  // @ts-expect-error: not a function
  defer(42)
  // @ts-expect-error: a number is no string
  defer.with({ retries: 2 })(send, 1)
  // @ts-expect-error: no such option
  defer.with({ retry: 2 })
  // @ts-expect-error: not a promise
  waitUntil(42)

  const Send = job('send', send, { timeout: 1000 })
  Send.defer('a@b.c')
  Send.with({ retries: 0 }).defer('a@b.c', 2)
  // @ts-expect-error: a number is no string
  Send.defer(1)
  // @ts-expect-error: the argument is missing
  void Send.dispatch()
  void Send.cancel({ key: 'a@b.c' })
  job('lane', send, { lane: (to) => to, expires: 1000 })
  job('debounced', send, { key: (to) => to, debounce: { quiet: 1000, longest: 5000 } })
  job('unique', send, { key: (to) => to, uniqueFor: 1000 })
  // @ts-expect-error: without a key there is none that stays taken
  job('unique', send, { uniqueFor: 1000 })
  // @ts-expect-error: without a key no call takes the place of another one
  job('debounced', send, { debounce: { quiet: 1000 } })
  job('perhaps unique', send, { key: Math.random() > 0.5 ? 'one' : undefined })
  // @ts-expect-error: the key may be missing
  job('unique', send, { key: Math.random() > 0.5 ? 'one' : undefined, uniqueFor: 1000 })
  const Remind = Send.with({ delay: 1000 })
  void Remind.dispatch('a@b.c')
  void Remind.with({ key: 'one' }).in({}).dispatch('a@b.c')
  // @ts-expect-error: a call with a delay is dispatched
  Remind.defer('a@b.c')
  // @ts-expect-error: neither is it with further options
  Remind.with({ timeout: 1 }).in({}).defer('a@b.c')
  // @ts-expect-error: a number is no string
  void Remind.dispatch(1)
  // @ts-expect-error: a lane is a text
  job('lane', send, { lane: (_to, copies) => copies })
  // @ts-expect-error: the quiet time is missing
  job('debounced', send, { key: 'one', debounce: { longest: 5000 } })
  void Send.pause().then(() => Send.resume())
  // @ts-expect-error: by the key alone
  void Send.cancel('a@b.c')
}

describe('types', () => {
  it('of arguments', () => {
    expectTypeOf(mustCompile).toBeFunction()
  })

  it('of what comes back', () => {
    expectTypeOf(defer<[string, number?], Promise<number>>).returns.toEqualTypeOf<Deferred<number>>()
    expectTypeOf(defer(() => 'a')).toEqualTypeOf<Deferred<string>>()
    expectTypeOf(job('types', send)).toEqualTypeOf<Job<[to: string, copies?: number | undefined], Promise<number>>>()
    expectTypeOf<Deferred<number>['outcome']>().resolves.toEqualTypeOf<Outcome<number>>()
    expectTypeOf(finishRequest).returns.resolves.toEqualTypeOf<Outcome[]>()
    expectTypeOf(currentTask()).toEqualTypeOf<CurrentTask | undefined>()
  })
})
