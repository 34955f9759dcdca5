import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, vi } from 'vitest'
import { compiled } from './build.ts'
import { Ledger } from './ledger.ts'
import { Server, type ServerOptions } from './server.ts'

/** A record as `afterword list --json` prints it. */
export interface Listed {
  readonly id: string
  readonly state: string
  readonly reason?: string
  readonly attempt: number
  readonly args: readonly unknown[]
}

const cli = fileURLToPath(compiled('src/cli/main.ts'))

// Many processes take their time on a machine that has other things to do.
vi.setConfig({ testTimeout: 180_000 })

/** For how long nothing may become of what is pending, in ms. */
const patience = 60_000

const hosts = new Set<Host>()
// Also those of tests that were given up.
afterAll(() => Promise.all(Array.from(hosts, (host) => host[Symbol.asyncDispose]())))

/** A machine: the folder of a journal, what ran, and the processes, which end with it. */
export class Host implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'afterword-crash-'))
  readonly journal = join(this.folder, 'journal')
  readonly ledger = new Ledger(join(this.folder, 'ledger'))
  readonly #servers: Server[] = []

  constructor() {
    hosts.add(this)
  }

  /** A process that is being started. */
  launch(name: string, options?: ServerOptions): Server {
    const server = new Server(name, this.journal, this.ledger.fileOf(name), options)
    this.#servers.push(server)
    return server
  }

  async start(name: string, options?: ServerOptions): Promise<Server> {
    const server = this.launch(name, options)
    await server.listening
    return server
  }

  /** The moments at which processes were killed. */
  get killed(): Map<string, number> {
    return new Map(this.#servers.flatMap(({ name, killedAt }) => (killedAt === undefined ? [] : [[name, killedAt]])))
  }

  /** The codes of what the processes reported. */
  get reports(): Set<unknown> {
    return new Set(this.#servers.flatMap(({ reports }) => reports.map(({ code }) => code)))
  }

  /** Resolves when that process has looked at the slots of all: it has taken over what another left that was killed. */
  async looked({ name }: Server, options?: ServerOptions): Promise<void> {
    for (let taker = ''; taker !== name; ) {
      const dead = await this.start(`dead-${this.#servers.length}`, options)
      await dead.keep(`/wait/${dead.name}`)
      await this.ledger.run(dead.name)
      await dead.kill()
      taker = (await this.ledger.run(dead.name, ({ by }) => by !== dead.name)).by
    }
  }

  /** Lets all jobs end that wait for it. */
  release(): void {
    for (const { program } of this.#servers) program.send({ type: 'release' })
  }

  /** The records that are stored, seen from outside. */
  async list(): Promise<Listed[]> {
    const args = ['--disable-warning=ExperimentalWarning', cli, 'list', this.journal, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, NODE_OPTIONS: '' },
      maxBuffer: 2 ** 28,
    })
    return JSON.parse(stdout)
  }

  /** Lists the records that have failed for good, once none is pending. Throws where pending records stay as they are. */
  async emptied(): Promise<Listed[]> {
    let least = Infinity
    for (let deadline = performance.now() + patience; ; ) {
      const records = await this.list()
      const pending = records.filter(({ state }) => state !== 'failed')
      if (pending.length === 0) return records
      if (pending.length < least) deadline = performance.now() + patience
      else if (performance.now() > deadline) throw new Error(`Still pending: ${JSON.stringify(pending.slice(0, 20))}`)
      least = Math.min(least, pending.length)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    hosts.delete(this)
    await Promise.all(this.#servers.map((server) => server.kill()))
    rmSync(this.folder, { recursive: true })
  }
}
