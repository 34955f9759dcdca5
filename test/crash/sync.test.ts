import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Host } from './host.ts'
import { type Call, callsIn, canTrace, tracer } from './trace.ts'

/** Each file of the journal into which a request was written before its answer left, and whether that was synced before as well. */
function written(calls: readonly Call[], what: string): { file: string; synced: boolean }[] {
  const answer = calls.find(({ name, data }) => name.startsWith('write') && data.includes(`kept ${what}`))
  if (answer === undefined) throw new Error(`No answer to ${what} in the trace`)
  const before = calls.filter(({ ended }) => ended < answer.begun)
  const writes = before.filter(({ name, data }) => name === 'pwrite64' && data.includes(what))
  // Later writes of the same page may have other reasons.
  return Array.from(
    Map.groupBy(writes, ({ file }) => file),
    ([file, [first]]) => {
      const isSync = (call: Call) => call.name.endsWith('sync') && call.file === file && call.result === 0
      return { file, synced: before.some((call) => isSync(call) && call.begun > Number(first?.ended)) }
    },
  )
}

describe.skipIf(!canTrace)('system calls', () => {
  test('the names of new folders are synced before the first answer', async () => {
    await using host = new Host()
    const trace = join(host.folder, 'trace')
    const server = await host.start('traced', { under: tracer(trace) })
    await server.keep('/note/first')
    await server.kill()
    const calls = callsIn(trace)
    const answered = calls.find(({ name, data }) => name.startsWith('write') && data.includes('kept first'))
    const synced = calls.filter(
      ({ name, result, ended }) => name === 'fsync' && result === 0 && ended < Number(answered?.begun),
    )
    expect(synced.map(({ file }) => file)).toEqual(expect.arrayContaining([host.folder, host.journal]))
  })

  test.each([
    ['full', true],
    ['normal', false],
  ] as const)(
    'sync: %s: between the write of a record and its answer the file is synced: %s',
    async (sync, expected) => {
      await using host = new Host()
      const trace = join(host.folder, 'trace')
      const server = await host.start('traced', { sync, under: tracer(trace) })
      const requests = Array.from({ length: 20 }, (_, n) => `request-${n}-`)
      for (const [n, what] of requests.entries()) await server.keep(`/note/${what}${n % 2 ? '?delay=0' : ''}`)
      await server.kill()
      const calls = callsIn(trace)
      for (const what of requests) {
        const files = written(calls, what)
        expect({ what, files }).toEqual({ what, files: [{ file: expect.stringMatching(/1\.log$/), synced: expected }] })
      }
    },
  )
})
