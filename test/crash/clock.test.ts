import { describe, expect, test } from 'vitest'
import { Clock } from './clock.ts'
import { Host } from './host.ts'
import type { Server } from './server.ts'

const day = 86_400_000

/** Two jobs that run. */
async function keepRunning(host: Host, server: Server): Promise<void> {
  await server.keep('/wait/deferred', '/wait/dispatched?delay=0')
  await Promise.all([host.ledger.run('deferred'), host.ledger.run('dispatched')])
}

/** One that waits for its retry, and one that is not due yet. */
async function keepWaiting(_host: Host, server: Server): Promise<void> {
  await server.keep('/retry/again', '/note/later?delay=2000')
  await server.program.message('retrying')
  // What is stored after that.
  await server.keep('/note/next')
}

/** A process that is killed, and one with a clock of its own that takes its work over: the next one there, or one that was there. */
class Succession implements AsyncDisposable {
  readonly host = new Host()
  readonly #before = new Clock(this.host, 'before')
  readonly #after = new Clock(this.host, 'after')
  readonly #heir: string

  constructor(shift: number, heir: string) {
    this.#after.set(shift)
    this.#heir = heir
  }

  async happen(keep: (host: Host, server: Server) => Promise<void>): Promise<void> {
    const { host } = this
    const owner = await host.start('owner', this.#before.options)
    if (this.#heir === 'sibling') await host.start('sibling', this.#after.options)
    await keep(host, owner)
    await owner.kill()
    if (this.#heir === 'successor') await host.start('successor', this.#after.options)
  }

  /** How many threads of each go by its clock, at least. */
  get threads(): number {
    return Math.min(this.#before.threads.size, this.#after.threads.size)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host[Symbol.asyncDispose]()
  }
}

describe.concurrent.each([
  ['later', day],
  ['earlier', -day],
] as const)('the clock is a day %s', (_, shift) => {
  describe.each(['successor', 'sibling'])('for a %s of the process that was killed', (by) => {
    test('what was running runs at once, once', async () => {
      await using succession = new Succession(shift, by)
      const { host } = succession
      await succession.happen(keepRunning)
      for (const what of ['deferred', 'dispatched']) await host.ledger.run(what, (run) => run.by === by)
      host.release()
      await host.emptied()
      for (const what of ['deferred', 'dispatched']) {
        expect(host.ledger.of(what)).toMatchObject([{ by: 'owner' }, { by, attempt: 1 }])
      }
      expect(succession.threads).toBe(2)
    })

    test('what waits for its retry or its time does not wait for a day more, and runs once', async () => {
      await using succession = new Succession(shift, by)
      const { host } = succession
      await succession.happen(keepWaiting)
      await host.emptied()
      expect(host.ledger.of('again')).toMatchObject([{ by: 'owner' }, { by, attempt: 2 }])
      expect(host.ledger.of('later')).toMatchObject([{ by, attempt: 1 }])
      expect(succession.threads).toBe(2)
    })
  })

  test('for the process that lives, and its sibling: each keeps what it has, and it runs once', async () => {
    await using host = new Host()
    const clock = new Clock(host, 'clock')
    const owner = await host.start('owner', clock.options)
    await keepRunning(host, owner)
    await keepWaiting(host, owner)
    const sibling = await host.start('sibling', clock.options)
    clock.set(shift)
    await host.looked(sibling, clock.options)
    await host.ledger.run('again', ({ attempt }) => attempt === 2)
    await host.ledger.run('later')
    host.release()
    await host.emptied()
    for (const what of ['deferred', 'dispatched']) expect(host.ledger.of(what)).toMatchObject([{ by: 'owner' }])
    expect(host.ledger.of('again')).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
    expect(host.ledger.of('later')).toMatchObject([{ attempt: 1 }])
  })
})
