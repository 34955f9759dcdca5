import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readLog } from '../../src/journal/files/log-reader.ts'
import type { Message } from '../support/program.ts'
import { canInject, Fault } from './fault.ts'
import { Host } from './host.ts'
import { type Call, callsIn, canTrace, tracer } from './trace.ts'

/** The tracer counts the calls of each thread by itself: one thread of the pool makes all syncs. */
const env = { UV_THREADPOOL_SIZE: '1' }
const codes = (reports: readonly Message[]) => reports.map(({ code }) => code)

describe.skipIf(!canInject)('sync: full', () => {
  test('a sync that fails refuses its records and reports it once; the next ones go to another segment, and are kept', async () => {
    await using host = new Host()
    const server = await host.start('faulty', { sync: 'full', env })
    await server.keep('/wait/before')
    const fault = await Fault.begin(server, 'fdatasync:error=EIO:when=1')
    expect(await server.ask('/wait/refused')).toBe(503)
    await server.keep('/wait/after')
    await fault.end()
    expect(codes(server.reports)).toEqual(['AFTERWORD_JOURNAL_REFUSED'])
    const read = () => readLog(join(host.journal, '1.log'))
    await expect.poll(() => read()?.synced?.sequence).toBeGreaterThan(1)
    await server.kill()
    const log = read()
    const args = [...(log?.pending.values() ?? [])].map(([, , , args]) => JSON.parse(args)[0])
    expect(args.sort()).toEqual(['after', 'before'])
  })

  test('a thread that does not answer: responses become 503 after holdTimeout, later ones at once, until it answers again', async () => {
    await using host = new Host()
    const server = await host.start('stalled', { sync: 'full', env: { ...env, HOLD: '500' } })
    await server.keep('/note/before')
    const fault = await Fault.begin(server, 'fdatasync:delay_enter=3600000000:when=1')
    expect(await Promise.all([server.ask('/wait/held'), server.ask('/wait/too')])).toEqual([503, 503])
    expect(await server.ask('/wait/later')).toBe(503)
    expect(codes(server.reports)).toContain('AFTERWORD_JOURNAL_REFUSED')
    await fault.end()
    // The answer to a later one may come while the thread is still busy with the one before.
    while ((await server.ask('/note/after')) !== 200);
    await server.kill()
    const log = readLog(join(host.journal, '1.log'))
    const args = [...(log?.pending.values() ?? [])].map(([, , , args]) => JSON.parse(args)[0])
    expect(args.filter((what) => ['held', 'too', 'later'].includes(what))).toEqual([])
  })

  test('close() ends in time although the thread does not answer, and refuses what waits for it', async () => {
    await using host = new Host()
    const server = await host.start('stalled', { sync: 'full', env })
    await server.keep('/note/before')
    const fault = await Fault.begin(server, 'fdatasync:delay_enter=3600000000:when=1')
    const held = server.ask('/note/held')
    server.program.send({ type: 'close' })
    await server.program.message('ended')
    expect(await held).not.toBe(200)
    await fault.end()
  })
})

describe.skipIf(!canTrace)('sync: full, a job that defers another one', () => {
  test('the end of the first is written once the second is synced', async () => {
    await using host = new Host()
    const trace = join(host.folder, 'trace')
    const server = await host.start('traced', { sync: 'full', under: tracer(trace) })
    const whats = Array.from({ length: 20 }, (_, n) => `request-${n}-`)
    await Promise.all(whats.map((what) => server.keep(`/nest/${what}`)))
    for (const what of whats) await host.ledger.run(`${what}-nested`, ({ ended }) => ended !== undefined)
    await server.close()
    const calls = callsIn(trace).filter(({ file }) => file.endsWith('1.log'))
    const firstWrite = (text: string) =>
      calls.find(({ name, data }) => name === 'pwrite64' && data.includes(text)) as Call
    const isDone = (id: number) => (call: Call) =>
      call.name === 'pwrite64' && new RegExp(`\\[2,(\\d+,)*${id}[,\\]]`).test(call.data.toString('latin1'))
    const early = whats.filter((what) => {
      const parent = Number.parseInt(String(host.ledger.of(what)[0]?.id), 36)
      const accepted = firstWrite(`${what}-nested`)
      const done = calls.find(isDone(parent))
      const synced = calls.some(({ name, begun, ended }) => {
        return name === 'fdatasync' && begun > accepted.ended && ended < Number(done?.begun)
      })
      return done === undefined || !(synced || done === accepted)
    })
    expect(early).toEqual([])
  })
})
