import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, type AfterwordOptions, type EngineOption, subscribe } from '../../src/index.ts'
import type { Daemon } from '../support/daemon.ts'
import { serve } from '../support/local-site.ts'
import { type Message, Program, type ProgramOptions } from '../support/program.ts'
import { Reports } from '../support/reports.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import type { WorkerSettings } from './programs/worker.ts'

/** A call, as the engine keeps it. */
interface KeptCall {
  readonly id: string | undefined
  readonly state: 'pending' | 'running' | 'done' | 'failed'
  readonly args: string
}

/** The server of an engine, and a place on it that no other test has. */
export interface EngineServer {
  readonly name: string
  readonly startServer: () => Promise<Daemon>
  /** Makes the next place: its settings for a process of its own. */
  readonly place: () => Pick<WorkerSettings, 'schema' | 'prefix'>
  readonly url: (server: Pick<Daemon, 'port'>) => string
  readonly engine: (settings: WorkerSettings) => EngineOption
  /** Finds the calls of a job. */
  readonly calls: (settings: WorkerSettings, job: string) => Promise<readonly KeptCall[]>
  /** Ends all connections of instances, as an administrator does. */
  readonly endConnections: (settings: WorkerSettings) => Promise<void>
}

/** Describes what every engine on a server does alike when something fails. */
export function describeFaults({ name, startServer, place, url, engine, calls, endConnections }: EngineServer): void {
  let server: Daemon
  let settings: WorkerSettings
  beforeAll(async () => void (server = await startServer()))
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(() => void (settings = { url: url(server), ...place() }))

  function start(options: AfterwordOptions & { port?: number } = {}): Afterword {
    const { port = server.port, ...rest } = options
    return new Afterword({ engine: engine({ ...settings, url: url({ port }) }), signals: false, ...rest })
  }

  /** A process that works on the place of this test. */
  async function startWorker(more: Partial<WorkerSettings> = {}, options: ProgramOptions = {}): Promise<Program> {
    const args = [JSON.stringify({ ...settings, ...more })]
    const program = new Program(new URL('programs/worker.ts', import.meta.url), { ...options, args })
    await program.message('ready')
    return program
  }

  /** Resolves when a call is accepted: tables may have to be made first, which takes longer than a short holdTimeout. */
  async function begun(dispatch: () => Promise<string>): Promise<void> {
    using _reports = new Reports()
    for (let isAccepted = false; !isAccepted; ) {
      isAccepted = await dispatch().then(
        () => true,
        () => false,
      )
    }
  }

  /** Resolves with the ids of the calls, once each of them has run. */
  function ranAll(job: string, count: number): Promise<Map<string, number>> {
    const runs = new Map<string, number>()
    const { promise, resolve } = Promise.withResolvers<Map<string, number>>()
    subscribe('task:ended', ({ task, outcome }) => {
      if (task.name !== job || outcome.status !== 'done') return
      runs.set(task.id, (runs.get(task.id) ?? 0) + 1)
      if (runs.size === count) resolve(runs)
    })
    return promise
  }

  describe(`faults of ${name}`, () => {
    test('while the engine is away a response becomes a 503 within holdTimeout, and later ones are kept again', async () => {
      await using afterword = start({ holdTimeout: 300 })
      const Send = afterword.job('send', () => {})
      await begun(() => Send.dispatch())
      using reports = new Reports()
      await using site = await serve(afterword, (_req, res) => {
        Send.defer()
        res.end('kept')
      })
      await server.kill()
      const refused = await fetch(site.url)
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
      await expect(Send.dispatch()).rejects.toMatchObject({ code: 'AFTERWORD_ENGINE_REFUSED', status: 503 })
      expect(afterword.status().engineAway).toBeGreaterThan(0)
      expect(afterword.status().sending).toBe(0)
      expect(reports.codes.filter((code) => code === 'AFTERWORD_ENGINE_AWAY')).toHaveLength(1)
      expect(reports.codes).toContain('AFTERWORD_ENGINE_REFUSED')
      await server.restart()
      let answer = await fetch(site.url)
      while (answer.status === 503) answer = await fetch(site.url)
      expect(await answer.text()).toBe('kept')
      expect(afterword.status().engineAway).toBe(0)
    })

    test('an app starts while the engine is down; its calls wait, and are kept when the engine comes', async () => {
      await server.kill()
      await using afterword = start({ holdTimeout: 60_000 })
      using reports = new Reports()
      const ran = ranAll('send', 2)
      const Send = afterword.job('send', () => {})
      const sent = [Send.dispatch(), Send.dispatch()]
      const away = reports.next
      await away
      expect(afterword.status()).toMatchObject({ sending: 2 })
      expect(afterword.status().engineAway).toBeGreaterThan(0)
      await server.restart()
      const ids = await Promise.all(sent)
      expect([...(await ran).keys()].sort()).toEqual(ids.sort())
    })

    test('cancel() of a call whose response has not ended asks nobody while the engine is away', async () => {
      await server.kill()
      await using afterword = start({ holdTimeout: 60_000 })
      using _reports = new Reports()
      const Send = afterword.job('send', () => {})
      const sent = Send.dispatch()
      await using site = await serve(afterword, async (_req, res) => {
        res.end(String(await afterword.cancel(Send.defer().id)))
      })
      expect(await site.get()).toBe('true')
      expect(afterword.status().sending).toBe(1)
      await server.restart()
      await sent
    })

    test('behind a journal: an app serves while the engine is down from the start, and its calls arrive once', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'afterword-faults-'))
      await server.kill()
      const afterword = start({ journal: folder, holdTimeout: 300 })
      using reports = new Reports()
      const ran = ranAll('send', 200)
      const Send = afterword.job('send', (_n: number) => {})
      await using site = await serve(afterword, async (_req, res) => res.end(await Send.dispatch(0)))
      const ids = [await site.get()]
      for (let call = 1; call < 200; call++) ids.push(await Send.dispatch(call))
      while (afterword.status().engineAway === 0) await reports.next
      await expect.poll(() => afterword.status().sending, { timeout: 60_000 }).toBeGreaterThan(0)
      await server.restart()
      const runs = await ran
      expect([...runs.keys()].sort()).toEqual(ids.sort())
      expect([...runs.values()]).toEqual(Array(200).fill(1))
      expect(reports.codes).toEqual(['AFTERWORD_ENGINE_AWAY'])
      await afterword.close()
      rmSync(folder, { recursive: true })
    })

    test('behind a journal: calls of a process that is killed while the engine is away go on by the next process', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'afterword-faults-'))
      await server.kill()
      await using program = await startWorker({ folder })
      const ids: unknown[] = []
      for (let call = 0; call < 50; call++) {
        program.send({ type: 'dispatch', what: String(call) })
        ids.push((await program.message('accepted', ({ what }) => what === String(call))).id)
      }
      program.kill()
      await program.exited
      await server.restart()
      const afterword = start({ journal: folder })
      const ran = ranAll('note', 50)
      afterword.job('note', (_what: string) => {})
      const runs = await ran
      expect([...runs.keys()].sort()).toEqual(ids.sort())
      expect([...runs.values()]).toEqual(Array(50).fill(1))
      await afterword.close()
      rmSync(folder, { recursive: true })
    })

    test('behind a journal: a full disk and an engine that is away refuse calls with 503, and lose none that was accepted', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'afterword-faults-'))
      await server.kill()
      await using program = await startWorker({ folder }, { fileSize: 400 })
      const accepted: unknown[] = []
      let refusal: Message | undefined
      for (let call = 0; refusal === undefined; call++) {
        const what = `${call} ${'x'.repeat(2000)}`
        program.send({ type: 'dispatch', what })
        const isAnswer = (message: Message) => message.what === what
        const answer = program.message('accepted', isAnswer).then(({ id }) => void accepted.push(id))
        refusal = (await Promise.race([answer, program.message('refused', isAnswer)])) ?? undefined
      }
      expect(refusal).toMatchObject({ status: 503 })
      await program.message('report', ({ code }) => code === 'AFTERWORD_ENGINE_AWAY')
      program.kill()
      await program.exited
      await server.restart()
      const afterword = start({ journal: folder })
      const ran = ranAll('note', accepted.length)
      afterword.job('note', (_what: string) => {})
      expect([...(await ran).keys()].sort()).toEqual(accepted.sort())
      await afterword.close()
      rmSync(folder, { recursive: true })
    })

    test('a call whose answer was lost is sent again, and added once', async () => {
      await using proxy = await TcpProxy.start(server.port)
      await using afterword = start({ port: proxy.port, worker: false, holdTimeout: 60_000 })
      using reports = new Reports()
      const Send = afterword.job('send', (_n: number) => {})
      const Keyed = afterword.job('keyed', () => {}, { key: 'k' })
      await Send.dispatch(0)
      const first = await Keyed.with({ key: 'other' }).dispatch()
      proxy.loseAnswers()
      const away = reports.next
      const sent = Promise.all([Send.dispatch(1), Send.dispatch(2), Keyed.dispatch()])
      await away
      proxy.forward()
      const [one, two, keyed] = await sent
      const stored = await calls(settings, 'send')
      expect(stored.map(({ args }) => args).sort()).toEqual(['[0]', '[1]', '[2]'])
      expect(stored.map(({ id }) => id)).toEqual(expect.arrayContaining([one, two]))
      expect((await calls(settings, 'keyed')).map(({ id }) => id).sort()).toEqual([first, keyed].sort())
    })

    test('an end whose answer was lost is stored, and not told of as that of a lost claim', async () => {
      await using proxy = await TcpProxy.start(server.port)
      const afterword = start({ port: proxy.port })
      using reports = new Reports()
      const begun = Promise.withResolvers<void>()
      const gate = Promise.withResolvers<void>()
      const Wait = afterword.job('wait', () => {
        begun.resolve()
        return gate.promise
      })
      await Wait.dispatch()
      await begun.promise
      // Both engines have the word in the command that stores such an end.
      proxy.loseAnswers('completed')
      gate.resolve()
      const states = async () => (await calls(settings, 'wait')).map(({ state }) => state)
      await expect.poll(states, { timeout: 60_000 }).toEqual(['done'])
      proxy.forward()
      // The end is told of, if ever, before the instance is closed.
      await afterword.close()
      expect(reports.codes).not.toContain('AFTERWORD_CLAIM_LOST')
    })

    test('a network that forwards nothing any more keeps no response for longer than holdTimeout', async () => {
      await using proxy = await TcpProxy.start(server.port)
      await using afterword = start({ port: proxy.port, holdTimeout: 300, shutdownTimeout: 1000 })
      using _reports = new Reports()
      const Send = afterword.job('send', () => {})
      await begun(() => Send.dispatch())
      await using site = await serve(afterword, (_req, res) => {
        Send.defer()
        res.end('kept')
      })
      proxy.stop()
      for (let request = 0; request < 8; request++) expect((await fetch(site.url)).status).toBe(503)
      proxy.forward()
      let answer = await fetch(site.url)
      while (answer.status === 503) answer = await fetch(site.url)
      expect(await answer.text()).toBe('kept')
    })

    test('a slow engine keeps all calls, each once', async () => {
      await using proxy = await TcpProxy.start(server.port)
      await using afterword = start({ port: proxy.port, holdTimeout: 60_000 })
      const ran = ranAll('send', 500)
      const Send = afterword.job('send', (_n: number) => {})
      await begun(() => Send.dispatch(0))
      proxy.slowDown(500)
      const ids = await Promise.all(Array.from({ length: 499 }, (_, n) => Send.dispatch(n + 1)))
      expect(new Set(ids).size).toBe(499)
      expect([...(await ran).values()]).toEqual(Array(500).fill(1))
    })

    test('a process that only waits for jobs knows when the engine is back', async () => {
      await using afterword = start()
      const ran = ranAll('send', 1)
      await afterword.job('send', () => {}).dispatch()
      await ran
      using reports = new Reports()
      const told = reports.next
      await server.kill()
      expect((await told).error.code).toBe('AFTERWORD_ENGINE_AWAY')
      await server.restart()
      await expect.poll(() => afterword.status().engineAway, { timeout: 60_000 }).toBe(0)
    })

    test('connections that the server ends do not end the process, and calls are kept on new ones', async () => {
      await using afterword = start({ holdTimeout: 60_000 })
      using reports = new Reports()
      const ran = ranAll('send', 2)
      const Send = afterword.job('send', () => {})
      const first = await Send.dispatch()
      const told = reports.next
      await endConnections(settings)
      const second = await Send.dispatch()
      expect([...(await ran).keys()].sort()).toEqual([first, second].sort())
      // The errors of pg have its client, and with that the key by which a connection can be cancelled; those of ioredis have commands.
      const { error } = await told
      expect(error).toMatchObject({ code: 'AFTERWORD_ENGINE_AWAY', cause: { message: expect.stringMatching(/./) } })
      expect(inspect(error, { depth: 9 })).not.toMatch(/secretKey|_events|args:/)
    })

    test('kill -9 of a worker: its 100 running calls run again within 15 s, and count no attempt', async () => {
      await using first = await startWorker({ waits: true })
      for (let call = 0; call < 100; call++) first.send({ type: 'dispatch', what: String(call) })
      for (let call = 0; call < 100; call++) await first.message('ran', ({ what }) => what === String(call))
      await using second = await startWorker()
      first.kill()
      await first.exited
      const killed = performance.now()
      for (let call = 0; call < 100; call++) {
        expect(await second.message('ran', ({ what }) => what === String(call))).toMatchObject({ attempt: 1 })
      }
      expect(performance.now() - killed).toBeLessThan(15_000)
    })

    test('a worker that was taken for dead ends no run of another one', async () => {
      await using zombie = await startWorker({ waits: true })
      zombie.send({ type: 'dispatch', what: 'once' })
      const { id } = await zombie.message<Message & { id: string }>('ran')
      zombie.kill('SIGSTOP')
      await using other = await startWorker({ waits: true })
      expect(await other.message('ran')).toMatchObject({ id, attempt: 1 })
      zombie.kill('SIGCONT')
      zombie.send({ type: 'go on', what: '' })
      await zombie.message('ended')
      await zombie.message('report', ({ code }) => code === 'AFTERWORD_CLAIM_LOST')
      zombie.send({ type: 'close', what: '' })
      await zombie.exited
      expect(await calls(settings, 'note')).toMatchObject([{ id, state: 'running' }])
      other.send({ type: 'go on', what: '' })
      await other.message('ended')
      other.send({ type: 'close', what: '' })
      await other.exited
      expect(await calls(settings, 'note')).toMatchObject([{ id, state: 'done' }])
      const lost = [...zombie.messages, ...other.messages].filter(({ code }) => code === 'AFTERWORD_CLAIM_LOST')
      expect(lost).toHaveLength(1)
    })

    test('kill -9 of the server under load: all accepted calls run', async () => {
      await using worker = await startWorker()
      await using afterword = start({ worker: false, holdTimeout: 60_000 })
      using _reports = new Reports()
      const Note = afterword.job('note', (_what: string) => {})
      const accepted: string[] = []
      const dispatch = async (from: number) => {
        for (let call = from; call < from + 100; call++) accepted.push(await Note.dispatch(String(call)))
      }
      const load = Promise.all([0, 100, 200, 300].map(dispatch))
      await worker.message('ran', ({ what }) => what === '20')
      await server.kill()
      await server.restart()
      await load
      for (const id of accepted) await worker.message('ran', (message) => message.id === id)
      const runs = worker.messages.filter(({ type }) => type === 'ran')
      expect(new Set(runs.map(({ id }) => id)).size).toBe(400)
    })

    test('an end that can not be stored before close() is over loses no call: it runs again', async () => {
      const before = start({ shutdownTimeout: 300 })
      using _reports = new Reports()
      const begun = Promise.withResolvers<void>()
      const gate = Promise.withResolvers<void>()
      const Fail = before.job('fail', async () => {
        begun.resolve()
        await gate.promise
        throw new Error('no luck')
      })
      const id = await Fail.dispatch()
      await begun.promise
      await server.kill()
      gate.resolve()
      await before.close()
      await server.restart()
      await using after = start()
      const ran = ranAll('fail', 1)
      after.job('fail', () => {})
      expect([...(await ran).keys()]).toEqual([id])
    })
  })
}
