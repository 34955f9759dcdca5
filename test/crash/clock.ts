import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compiled } from './build.ts'
import type { Host } from './host.ts'
import type { ServerOptions } from './server.ts'

/** The delay in ms of retries, and of jobs that are not due yet: long enough for a busy machine to kill their process before. */
export const delay = 10_000

/** The clock of some processes, which can be set. */
export class Clock {
  readonly #file: string

  constructor(host: Host, name: string) {
    this.#file = join(host.folder, name)
    this.set(0)
  }

  /** @param shift in ms, from what it is really */
  set(shift: number): void {
    writeFileSync(this.#file, String(shift))
  }

  /** The environment of a process by that clock. */
  get options(): ServerOptions {
    const { href } = compiled('test/crash/programs/clock.ts')
    return { env: { CLOCK: this.#file, NODE_OPTIONS: `--import=${href}`, BACKOFF: String(delay) } }
  }

  /** The threads that go by it, of all processes. */
  get threads(): Set<string> {
    return new Set(readFileSync(`${this.#file}.threads`, 'utf8').trim().split('\n'))
  }
}
