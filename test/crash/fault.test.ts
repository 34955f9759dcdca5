import { describe, expect, test } from 'vitest'
import { canInject, Fault } from './fault.ts'
import { Host } from './host.ts'
import type { Server } from './server.ts'

/** Asks for jobs, deferred and dispatched, by several clients. What was asked for, by the status of the answer. */
async function ask(server: Server, job: string, prefix: string, count: number): Promise<Record<string, string[]>> {
  const asked: [what: string, status: number | undefined][] = []
  let next = 0
  const client = async () => {
    for (let n = next++; n < count; n = next++) {
      const what = `${prefix}-${n}`
      asked.push([what, await server.ask(`/${job}/${what}${n % 2 ? '?delay=0' : ''}`)])
    }
  }
  await Promise.all([client(), client(), client()])
  const byStatus = Object.groupBy(asked, ([, status]) => String(status))
  return Object.fromEntries(Object.entries(byStatus).map(([status, list = []]) => [status, list.map(([what]) => what)]))
}

/** Kills it, and tells what has been run to the end when the next one has nothing left to do. */
async function ranAtLast(host: Host, server: Server): Promise<Set<string>> {
  await server.kill()
  await host.start('next')
  host.release()
  await host.emptied()
  return host.ledger.ended
}

describe.skipIf(!canInject).each([
  { sync: 'normal', calls: 'pwrite64', error: 'EIO' },
  { sync: 'normal', calls: 'pwrite64', error: 'ENOSPC' },
  { sync: 'full', calls: 'fsync,fdatasync', error: 'EIO' },
] as const)('sync: $sync: $error of $calls', ({ sync, calls, error }) => {
  test('EIO for a while: jobs that can not be stored are answered 503 and do not run; all others are kept', async () => {
    await using host = new Host()
    const server = await host.start('faulty', { sync })
    const before = await ask(server, 'wait', 'before', 6)
    const fault = await Fault.begin(server, `${calls}:error=${error}`)
    const during = await ask(server, 'wait', 'during', 6)
    await fault.end()
    const after = await ask(server, 'wait', 'after', 6)
    expect([before, during, after].flatMap(Object.keys)).toEqual(['200', '503', '200'])
    const ran = await ranAtLast(host, server)
    expect([...ran].sort()).toEqual([...(after['200'] ?? []), ...(before['200'] ?? [])].sort())
  })

  test('EIO now and then, under load: no job that was answered 200 is lost', async () => {
    await using host = new Host()
    const server = await host.start('faulty', { sync })
    await server.keep('/note/before')
    const fault = await Fault.begin(server, `${calls}:error=${error}:when=7+${calls === 'pwrite64' ? 31 : 3}`)
    const during = await ask(server, 'note', 'during', 150)
    await fault.end()
    const after = await ask(server, 'note', 'after', 10)
    expect(Object.keys(during).sort()).toEqual(['200', '503'])
    expect(Object.keys(after)).toEqual(['200'])
    const ran = await ranAtLast(host, server)
    expect([during, after].flatMap((asked) => asked['200']).filter((what = '') => !ran.has(what))).toEqual([])
  })
})
