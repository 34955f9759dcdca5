import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readLog } from '../../src/journal/files/log-reader.ts'
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
  ])('keeps no process from its end: %s', { timeout: 90_000 }, async (_what, signals) => {
    await using host = new Host()
    const server = await host.start('stalled', { sync: 'full' })
    await server.keep('/note/before')
    const fault = await Fault.begin(server, `fsync,fdatasync:delay_enter=${stall}`)
    const answer = server.ask('/note/stalled')
    // The record is in the log, and waits for the sync.
    const log = () => [...(readLog(join(host.journal, '1.log'))?.pending.values() ?? [])].map(([, , , args]) => args)
    await expect.poll(log, { timeout: 20_000 }).toContainEqual(expect.stringContaining('stalled'))
    server.program.kill('SIGTERM')
    // The tracer keeps what is left of the process until its delay ends.
    const hasEnded = () => {
      const state = stateOf(server.program.pid)
      // A further signal counts as the second one when it is no echo of the first.
      if (signals === 2 && state !== 'Z') server.program.kill('SIGTERM')
      return state
    }
    await expect.poll(hasEnded, { timeout: 60_000, interval: 100 }).toBe('Z')
    await fault.abort()
    await server.program.exited
    // A call that waits for its sync is refused, at the signal or at the end of the process, and does not run later.
    expect(await answer).toBe(signals === 1 ? 503 : undefined)
    const next = await host.start('next')
    await next.keep('/note/after')
    await host.ledger.run('after')
    expect(host.ledger.runs.map(({ what }) => what)).not.toContain('stalled')
  })
})
