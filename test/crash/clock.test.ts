import { describe, expect, test } from 'vitest'
import { Clock, delay } from './clock.ts'
import { Host } from './host.ts'
import type { Server } from './server.ts'

const day = 86_400_000

/** Two jobs that run. */
async function keepRunning(host: Host, server: Server): Promise<void> {
  await server.keep('/wait/deferred', '/wait/dispatched?delay=0')
  await Promise.all([host.ledger.run('deferred'), host.ledger.run('dispatched')])
  // Its thread is up as well: the thread forwards what is due later.
  await server.keep('/note/soon?delay=1')
  await host.ledger.run('soon')
}

/** Two jobs: one waits for its retry, one is not due yet. */
async function keepWaiting(host: Host, server: Server): Promise<void> {
  await server.keep('/retry/again', `/note/later?delay=${delay}`)
  await server.program.message('retrying')
  // What is stored after that. Its thread is up as well.
  await server.keep('/note/next', '/note/soon?delay=1')
  await host.ledger.run('soon')
}

/** A process that is killed, and the clock is set. Its work is taken over: by the next process there, or by one that was there. */
class Succession implements AsyncDisposable {
  readonly host = new Host()
  readonly clock = new Clock(this.host, 'clock')
  readonly #shift: number
  readonly #heir: string

  constructor(shift: number, heir: string) {
    this.#shift = shift
    this.#heir = heir
  }

  async happen(keep: (host: Host, server: Server) => Promise<void>): Promise<void> {
    const { host, clock } = this
    const owner = await host.start('owner', clock.options)
    if (this.#heir === 'sibling') await host.start('sibling', clock.options)
    await keep(host, owner)
    await owner.kill()
    clock.set(this.#shift)
    if (this.#heir === 'successor') await host.start('successor', clock.options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host[Symbol.asyncDispose]()
  }
}

describe.concurrent.each([
  ['later', day],
  ['earlier', -day],
] as const)('the clock is a day %s', (_, shift) => {
  describe.each(['successor', 'sibling'])('for a %s of a killed process', (by) => {
    test('a job that was running runs at once, once', async () => {
      await using succession = new Succession(shift, by)
      const { host, clock } = succession
      await succession.happen(keepRunning)
      for (const what of ['deferred', 'dispatched']) await host.ledger.run(what, (run) => run.by === by)
      host.release()
      await host.emptied()
      for (const what of ['deferred', 'dispatched']) {
        expect(host.ledger.of(what)).toMatchObject([{ by: 'owner' }, { by, attempt: 1 }])
      }
      // Two of each process.
      expect(clock.threads.size).toBe(4)
    })

    test('a job that waits for its retry or delay does not wait for a day more, and runs once', async () => {
      await using succession = new Succession(shift, by)
      const { host, clock } = succession
      await succession.happen(keepWaiting)
      await host.emptied()
      expect(host.ledger.of('again')).toMatchObject([{ by: 'owner' }, { by, attempt: 2 }])
      expect(host.ledger.of('later')).toMatchObject([{ by, attempt: 1 }])
      // Two of each process.
      expect(clock.threads.size).toBe(4)
    })
  })

  test('a living process and its sibling keep their records, which run once', async () => {
    await using host = new Host()
    const clock = new Clock(host, 'clock')
    const owner = await host.start('owner', clock.options)
    await keepRunning(host, owner)
    await keepWaiting(host, owner)
    const sibling = await host.start('sibling', clock.options)
    clock.set(shift)
    // The owner is stopped meanwhile, and lives: it would take over what the sibling is to find.
    await owner.stop()
    await host.looked(sibling, clock.options)
    owner.program.kill('SIGCONT')
    await host.ledger.run('again', ({ attempt }) => attempt === 2)
    await host.ledger.run('later')
    host.release()
    await host.emptied()
    for (const what of ['deferred', 'dispatched']) expect(host.ledger.of(what)).toMatchObject([{ by: 'owner' }])
    expect(host.ledger.of('again')).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
    expect(host.ledger.of('later')).toMatchObject([{ attempt: 1 }])
  })
})
