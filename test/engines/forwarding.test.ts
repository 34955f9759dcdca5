import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bullmq } from '../../src/engines/bullmq.ts'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { WaitingClaims } from '../../src/engines/waiting-claims.ts'
import { Afterword, type AfterwordOptions, type EngineOption, subscribe } from '../../src/index.ts'
import { FolderIds } from '../../src/journal/files/folder-ids.ts'
import { encode } from '../../src/journal/format/encoding.ts'
import { backUp } from '../../src/journal/inspection/backup.ts'
import type { Claim } from '../../src/task/record.ts'
import { DeadLog } from '../journal/dead-log.ts'
import type { Daemon } from '../support/daemon.ts'
import { serve } from '../support/local-site.ts'
import { postgresUrl, startPostgres } from '../support/postgres.ts'
import { Program } from '../support/program.ts'
import { redisUrl, startRedis } from '../support/redis.ts'
import { Reports } from '../support/reports.ts'
import { freshSchema, Tables } from './boss.ts'
import { freshPrefix, Queues } from './bull.ts'
import type { WorkerSettings } from './programs/worker.ts'

/** A place on the server of an engine that no other test has. */
interface Place {
  readonly engine: EngineOption
  readonly settings: WorkerSettings
  /** Opens the place, as the engine's own classes see it. */
  readonly watch: () => Tables | Queues
}

const engines: Readonly<Record<string, { start: () => Promise<Daemon>; place: (server: Daemon) => Place }>> = {
  'pg-boss': {
    start: startPostgres,
    place(server) {
      const [url, schema] = [postgresUrl(server), freshSchema()]
      const engine = pgBoss({ connectionString: url, schema })
      return { engine, settings: { url, schema }, watch: () => new Tables(url, schema) }
    },
  },
  BullMQ: {
    start: () => startRedis({ appendfsync: 'everysec' }),
    place(server) {
      const [url, prefix] = [redisUrl(server), freshPrefix()]
      const engine = bullmq({ connection: url, prefix })
      return { engine, settings: { url, prefix }, watch: () => new Queues(url, prefix) }
    },
  },
}

/** Resolves with the ids of so many calls of a job, once each of them has run. */
function ranAll(job: string, count: number): Promise<string[]> {
  const runs: string[] = []
  return new Promise((resolve) => {
    const unsubscribe = subscribe('task:ended', ({ task, outcome }) => {
      if (task.name !== job || outcome.status !== 'done') return
      runs.push(task.id)
      if (new Set(runs).size < count) return
      unsubscribe()
      resolve(runs)
    })
  })
}

describe.each(Object.entries(engines))('forwarding to %s', (_name, engine) => {
  let server: Daemon
  let place: Place
  let folder: string
  beforeAll(async () => void (server = await engine.start()))
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => {
    place = engine.place(server)
    folder = mkdtempSync(join(tmpdir(), 'afterword-forwarding-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function start(options: AfterwordOptions = {}): Afterword {
    return new Afterword({ engine: place.engine, journal: folder, signals: false, ...options })
  }

  test('dispatch() is accepted by the journal and runs by the engine, under the same id', async () => {
    await using afterword = start()
    const ran = ranAll('send', 1)
    const seen: unknown[] = []
    const Send = afterword.job('send', (to: string, at: Date) => void seen.push(to, at, afterword.currentTask()?.id))
    const id = await Send.with({ key: 'k', timeout: 5000 }).dispatch('ada', new Date(7))
    expect(await ran).toEqual([id])
    expect(seen).toEqual(['ada', new Date(7), id])
    await using stored = place.watch()
    expect(await stored.calls('send')).toMatchObject([{ id, data: { key: 'k' } }])
  })

  test('a process that takes over calls of a response only forwards those that come later', async () => {
    const dead = new DeadLog()
    const response = { method: 'POST', path: '/', status: 200, delivered: true, aborted: false }
    const row = dead.row(1)
    dead.accept([...row.slice(0, 4), encode([undefined, encode([{ response }])]), ...row.slice(5)] as never)
    dead.close()
    await using afterword = start({ journal: dead.folder })
    const first = ranAll('send', 1)
    const Send = afterword.job('send', (_n: number) => {})
    await first
    const second = ranAll('send', 1)
    const id = await Send.dispatch(2)
    expect(await second).toEqual([id])
    rmSync(dead.folder, { recursive: true })
  })

  test('while the engine is away a call that waits for its response can be cancelled', async () => {
    await using afterword = start()
    const Send = afterword.job('send', (_n: number) => {})
    await Send.dispatch(0)
    await server.kill()
    using _reports = new Reports()
    try {
      await Send.dispatch(1)
      await using site = await serve(afterword, async (_req, res) => {
        res.end(String(await afterword.cancel(Send.defer(2).id)))
      })
      expect(await site.get()).toBe('true')
    } finally {
      await server.restart()
    }
  })

  test('while the engine is away calls are accepted at once, and arrive once when it is back', async () => {
    await server.kill()
    await using afterword = start({ holdTimeout: 300 })
    using reports = new Reports()
    const ran = ranAll('send', 300)
    const Send = afterword.job('send', (_n: number) => {})
    await using site = await serve(afterword, async (_req, res) => {
      await Send.dispatch(-1)
      res.end('kept')
    })
    expect(await site.get()).toBe('kept')
    const ids: string[] = []
    for (let call = 1; call < 300; call++) ids.push(await Send.dispatch(call))
    while (afterword.status().engineAway === 0) await reports.next
    await server.restart()
    const runs = await ran
    expect(runs).toHaveLength(300)
    expect(runs).toEqual(expect.arrayContaining(ids))
    expect(reports.codes).toEqual(['AFTERWORD_ENGINE_AWAY'])
  })

  test('a deferred call runs in its own process, with `when`, and does not go to the engine', async () => {
    await using afterword = start()
    const ran = ranAll('send', 1)
    const Send = afterword.job('send', () => {}, { when: 'success' })
    await using site = await serve(afterword, (_req, res) => {
      Send.defer()
      res.end('kept')
    })
    await site.get()
    await ran
    const other = ranAll('other', 1)
    await afterword.job('other', () => {}).dispatch()
    await other
    await using stored = place.watch()
    expect(await stored.calls('send')).toEqual([])
  })

  test('cancel() withdraws a call before and behind the journal', async () => {
    await using afterword = start({ worker: false })
    using _reports = new Reports()
    const Send = afterword.job('send', () => {})
    const waiting = await Send.with({ delay: 3_600_000 }).dispatch()
    expect(await afterword.cancel(waiting)).toBe(true)
    const forwarded = await Send.dispatch()
    await using stored = place.watch()
    while ((await stored.calls('send').catch(() => [])).length === 0);
    expect(await afterword.cancel(forwarded)).toBe(true)
    expect(await afterword.cancel(forwarded)).toBe(false)
  })

  test('kill -9 of a process whose calls wait for the engine: the next process forwards them, under their ids', async () => {
    await server.kill()
    const program = new Program(new URL('programs/worker.ts', import.meta.url), {
      args: [JSON.stringify({ ...place.settings, folder })],
    })
    await program.message('ready')
    const ids: unknown[] = []
    for (let call = 0; call < 50; call++) {
      program.send({ type: 'dispatch', what: String(call) })
      ids.push((await program.message('accepted', ({ what }) => what === String(call))).id)
    }
    await program.message('report')
    program.kill()
    await program.exited
    await server.restart()
    await using afterword = start()
    const ran = ranAll('note', 50)
    afterword.job('note', (_what: string) => {})
    expect((await ran).sort()).toEqual(ids.sort())
  })

  test('two processes on a folder make the same ids, and no other folder does', async () => {
    await using one = start({ worker: false })
    await using two = start({ worker: false })
    const other = mkdtempSync(join(tmpdir(), 'afterword-forwarding-'))
    await using three = start({ worker: false, journal: other })
    const id = async (afterword: Afterword) => (await afterword.job('send', () => {}).dispatch()).slice(0, 18)
    const ids = [await id(one), await id(two), await id(three)]
    expect(ids[0]).toBe(ids[1])
    expect(ids[2]).not.toBe(ids[0])
    await three.close()
    rmSync(other, { recursive: true })
  })

  test('a process that ends hands back what the engine does not have, and the next one forwards it', async () => {
    await server.kill()
    const before = start({ shutdownTimeout: 500 })
    using reports = new Reports()
    const Send = before.job('send', (_n: number) => {})
    const ids: string[] = []
    for (let call = 0; call < 20; call++) ids.push(await Send.dispatch(call))
    while (before.status().engineAway === 0) await reports.next
    await before.close()
    await server.restart()
    await using after = start()
    const ran = ranAll('send', 20)
    after.job('send', (_n: number) => {})
    expect((await ran).sort()).toEqual(ids.sort())
  })

  test('an engine.id that is damaged, or can not be read, stops the start with an error, and is left as it is', async () => {
    const before = start({ worker: false })
    await before.job('send', () => {}).dispatch()
    await before.close()
    const file = join(folder, 'engine.id')
    const own = readFileSync(file, 'latin1')
    for (const damaged of ['', own.slice(0, 7), `${own}${own}`, own.toUpperCase().replaceAll(/\d/g, 'X')]) {
      writeFileSync(file, damaged)
      expect(() => start()).toThrow(expect.objectContaining({ code: 'AFTERWORD_ENGINE_ID' }))
      expect(readFileSync(file, 'latin1')).toBe(damaged)
    }
    rmSync(file)
    mkdirSync(file)
    expect(() => start()).toThrow(expect.objectContaining({ code: 'AFTERWORD_ENGINE_ID' }))
    rmSync(file, { recursive: true })
    writeFileSync(file, own)
    await using after = start({ worker: false })
    const id = await after.job('send', () => {}).dispatch()
    expect(id.replaceAll('-', '').startsWith(own.slice(0, 12))).toBe(true)
  })

  test('past maxDisk calls are refused with a 503 while the engine is away, and accepted again once it has them', async () => {
    await server.kill()
    using _reports = new Reports()
    await using afterword = start({ journal: { path: folder, maxDisk: 4 * 2 ** 20 }, worker: false })
    const Send = afterword.job('send', (_what: string) => {})
    await using site = await serve(afterword, async (_req, res) => {
      await Send.dispatch('x'.repeat(2000)).then(
        () => res.end('kept'),
        ({ status, code }) => res.writeHead(status).end(code),
      )
    })
    let accepted = 0
    let refusal: string | undefined
    while (refusal === undefined) {
      await Send.dispatch('x'.repeat(2000)).then(
        () => accepted++,
        ({ code }) => (refusal = code),
      )
    }
    expect(refusal).toBe('AFTERWORD_FORWARDING_FULL')
    expect((await fetch(site.url)).status).toBe(503)
    expect(afterword.status().oldestSending).toBeGreaterThan(0)
    // Deferred calls do not wait for the engine.
    await afterword.job('here', () => {}).defer().accepted
    await server.restart()
    await expect.poll(() => fetch(site.url).then(({ status }) => status), { timeout: 120_000, interval: 200 }).toBe(200)
    await using stored = place.watch()
    const arrived = () => stored.calls('send').then((calls) => calls.length)
    await expect.poll(arrived, { timeout: 120_000, interval: 500 }).toBeGreaterThan(accepted)
    expect(afterword.status()).toMatchObject({ engineReached: true, journalOpen: true })
  })

  test('afterword backup copies the part of the ids that the folder has of its own', async () => {
    await using afterword = start({ worker: false })
    const id = await afterword.job('send', () => {}).dispatch()
    const { databases } = backUp(folder, join(folder, 'copy'))
    expect(databases).toBeGreaterThan(0)
    const copied = new FolderIds(join(folder, 'copy'))
    expect(copied.idOf(copied.recordIdOf(id))).toBe(id)
    expect(copied.recordIdOf(`${id.slice(0, 7)}${id[7] === '0' ? '1' : '0'}${id.slice(8)}`)).toBe(Number.NaN)
  })

  test('a second call with a key is not added while the engine has the first one', async () => {
    await using afterword = start({ worker: false })
    const runs: number[] = []
    const Sync = afterword.job('sync', (n: number) => void runs.push(n), { key: 'k' })
    const Other = afterword.job('other', () => {})
    await using stored = place.watch()
    await Sync.dispatch(1)
    while ((await stored.calls('sync').catch(() => [])).length === 0);
    await Sync.dispatch(2)
    // What was dispatched later has arrived: so has the second call, or it never will.
    await Other.dispatch()
    while ((await stored.calls('other').catch(() => [])).length === 0);
    while (afterword.status().sending > 0) await new Promise(setImmediate)
    const ran = ranAll('sync', 1)
    afterword.work()
    await ran
    expect(await stored.calls('sync')).toHaveLength(1)
    expect(runs).toEqual([1])
  })

  test('the options of a call, its expiry and its attempts go on to the engine', async () => {
    await using afterword = start({ worker: false })
    using _reports = new Reports()
    const Fail = afterword.job('fail', () => Promise.reject(new Error('no luck')), { retries: 5, backoff: 0 })
    await Fail.with({ retries: 0, expires: 60_000 }).dispatch()
    await using stored = place.watch()
    while ((await stored.calls('fail').catch(() => [])).length === 0);
    const [call] = await stored.calls('fail')
    expect(call?.data).toMatchObject({ attempt: 0, expiresAt: expect.any(Number), options: '[{"retries":0}]' })
  })
})

test('a claim that waits for the engine for too long is reported once, until none waits any more', async () => {
  using reports = new Reports()
  const claims = [{}, {}] as [Claim, Claim]
  const waiting = new WaitingClaims('the engine', 20)
  const told = reports.next
  waiting.add(claims)
  expect((await told).error.message).toContain('2 calls of jobs, or more, wait on the disk for the engine')
  waiting.delete(claims[0])
  expect(waiting.oldest).toBeGreaterThanOrEqual(20)
  waiting.delete(claims[1])
  expect(waiting.oldest).toBe(0)
  const again = reports.next
  waiting.add([claims[0]])
  await again
  waiting.delete(claims[0])
  expect(reports.codes).toEqual(['AFTERWORD_NOT_FORWARDED', 'AFTERWORD_NOT_FORWARDED'])
})
