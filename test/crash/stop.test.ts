import { expect, test } from 'vitest'
import { Host } from './host.ts'
import { now } from './ledger.ts'
import type { Server } from './server.ts'

/** Longer than the lease of anything that has one, in µs. */
const long = 5_000_000
/** A sibling takes over within this time, in µs. */
const soon = 2_000_000

/** A process that runs two jobs, and a sibling, which came later. */
async function startBoth(host: Host): Promise<Record<'runner' | 'sibling', Server>> {
  const runner = await host.start('runner')
  await runner.keep('/wait/deferred', '/wait/dispatched?delay=0')
  await Promise.all([host.ledger.run('deferred'), host.ledger.run('dispatched')])
  return { runner, sibling: await host.start('sibling') }
}

test('a process that is stopped for long keeps its jobs, and finishes them when it goes on', async () => {
  await using host = new Host()
  const { runner, sibling } = await startBoth(host)
  await runner.stop()
  const stopped = now()
  while (now() < stopped + long) await host.looked(sibling)
  runner.program.kill('SIGCONT')
  host.release()
  await host.emptied()
  for (const what of ['deferred', 'dispatched']) {
    expect(host.ledger.of(what)).toMatchObject([{ by: 'runner', attempt: 1, ended: expect.any(Number) }])
  }
})

test('a process that is killed while it is stopped is dead: a sibling adopts its slot', async () => {
  const times: number[] = []
  // Other work on the machine may hold up one of them, not all.
  for (let round = 0; round < 3 && !(Math.min(...times) < soon); round++) {
    await using host = new Host()
    const { runner, sibling } = await startBoth(host)
    await runner.stop()
    await host.looked(sibling)
    await runner.kill()
    const taken = ['deferred', 'dispatched'].map((what) => host.ledger.run(what, ({ by }) => by === 'sibling'))
    const begun = (await Promise.all(taken)).map(({ begun }) => begun)
    times.push(Math.max(...begun) - Number(runner.killedAt))
  }
  expect(Math.min(...times)).toBeLessThan(soon)
})
