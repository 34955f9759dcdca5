import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { canInject, Fault } from './fault.ts'
import { Host } from './host.ts'

/** Longer than any test may take, in µs. */
const stall = 600_000_000

/** The state of a process: `Z` once it has ended. */
function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2)[0]
}

describe.skipIf(!canInject)('a disk that stands still', () => {
  test.each([
    ['a signal', 1],
    ['a second signal', 2],
    // A known fault: the command line waits for the log of a process whose sync stands still. To be mended.
  ])('keeps no process from its end: %s', { timeout: 30_000, fails: true }, async (_what, signals) => {
    await using host = new Host()
    const server = await host.start('stalled', { sync: 'full' })
    await server.keep('/note/before')
    const fault = await Fault.begin(server, `fsync,fdatasync:delay_enter=${stall}`)
    const answer = server.ask('/note/stalled')
    // The record is in the log, and waits for the sync.
    await expect.poll(() => host.list().then((list) => list.length), { timeout: 20_000 }).toBe(1)
    server.program.kill('SIGTERM')
    if (signals === 2) {
      // The first one is handled when the server takes no connection any more.
      while ((await server.ask('/')) !== undefined);
      server.program.kill('SIGTERM')
    }
    // The tracer keeps what is left of the process until its delay ends.
    await expect.poll(() => stateOf(server.program.pid), { timeout: 60_000, interval: 100 }).toBe('Z')
    await fault.abort()
    await server.program.exited
    expect(await answer).toBeUndefined()
    await host.start('next')
    await host.ledger.run('stalled')
  })
})
