import { clock, setTimeout } from '../../clock.ts'
import type { FromServer, ToServer } from '../protocol.ts'
import type { Databases } from './databases.ts'

/** The time in ms for which other processes may write to the shared database before a pause is refused, and the delay between tries. */
const longest = 5000
const interval = 20

/** The server, as its pauses see it. */
interface Pausing {
  readonly databases: Databases
  tell(message: FromServer): void
  /** Calls `fn`, and reports its trouble. @returns whether `fn` succeeded */
  try(fn: () => void): boolean
}

/** The pauses of jobs: stores those that the client asks for, and tells it all that processes have stored. */
export class Pauses {
  readonly #server: Pausing
  #told: string | undefined

  constructor(server: Pausing) {
    this.#server = server
  }

  /** Stores that a job is paused, or is not any more. */
  set(message: ToServer & { type: 'pause' }, until = clock.now() + longest): void {
    const { job, isPaused, number } = message
    const { databases, tell } = this.#server
    const { shared } = databases
    const isStored = this.#server.try(() => shared.atomically(() => shared.paused.set(job, isPaused), true))
    if (!isStored && clock.now() < until) return void setTimeout(() => this.set(message, until), interval)
    this.#server.try(() => this.look())
    tell({ type: 'pause-stored', number, isStored })
  }

  /** Tells the client which jobs are paused, if that has changed. */
  look(): void {
    const jobs = this.#server.databases.shared.paused.all
    const now = JSON.stringify(jobs)
    if (now === this.#told) return
    this.#told = now
    this.#server.tell({ type: 'paused', jobs })
  }
}
