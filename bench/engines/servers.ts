import { mkdtempSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Daemon } from '../../test/support/daemon.ts'
import { postgresUrl, startPostgres } from '../../test/support/postgres.ts'
import { redisUrl, startRedis } from '../../test/support/redis.ts'
import { Program } from '../program.ts'
import type { EngineName, Place } from './contender.ts'
import type { Name } from './contenders.ts'

export const engines: readonly EngineName[] = ['bullmq', 'pg-boss']
export const titles: Readonly<Record<EngineName, string>> = { bullmq: 'BullMQ', 'pg-boss': 'pg-boss' }

/** The servers of all engines, and the folder for what has a journal. All of it ends, and is removed, with this. */
export class Servers implements AsyncDisposable {
  readonly daemons: Readonly<Record<EngineName, Daemon>>
  readonly #folder: string
  readonly #all: AsyncDisposableStack
  #places = 0

  private constructor(daemons: Record<EngineName, Daemon>, folder: string, all: AsyncDisposableStack) {
    this.daemons = daemons
    this.#folder = folder
    this.#all = all
  }

  static async open(): Promise<Servers> {
    await using opening = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'afterword-bench-'))
    opening.defer(() => rm(folder, { recursive: true, force: true }))
    const bullmq = opening.use(await startRedis({ appendfsync: 'everysec' }))
    const postgres = opening.use(await startPostgres())
    return new Servers({ bullmq, 'pg-boss': postgres }, folder, opening.move())
  }

  url(engine: EngineName): string {
    return engine === 'bullmq' ? redisUrl(this.daemons.bullmq) : postgresUrl(this.daemons['pg-boss'])
  }

  /** Makes a place that nobody else has. */
  place(engine: EngineName): Place {
    const folder = mkdtempSync(join(this.#folder, `${engine}-`))
    return { engine, url: this.url(engine), name: `bench_${++this.#places}`, folder }
  }

  /** Starts a contender in a process of its own, with a folder of its own: on a machine of its own. @param place another process may have it as well */
  start(name: Name, place: Place): Program {
    return this.startOn(name, { ...place, folder: mkdtempSync(join(this.#folder, `${name}-`)) })
  }

  /** Starts a contender in a process of its own, on the folder of the place. */
  startOn(name: Name, place: Place): Program {
    return new Program(new URL('case.ts', import.meta.url), [name, JSON.stringify(place)])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all.disposeAsync()
  }
}
