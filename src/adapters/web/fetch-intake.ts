import { setImmediate } from '../../clock.ts'
import type { Intake } from '../../shutdown.ts'
import type { StoppableServer } from './fetch-host.ts'

/** The requests of `Bun.serve` or `Deno.serve` as a part of the shutdown. */
export class FetchIntake implements Intake {
  /** The server, known from the first request on where the host hands it over. */
  server: StoppableServer | undefined
  #inFlight = 0
  #idle: PromiseWithResolvers<void> | undefined

  enter(): void {
    this.#inFlight++
  }

  readonly leave = (): void => {
    if (--this.#inFlight === 0) this.#idle?.resolve()
  }

  async stop(): Promise<void> {
    this.server?.stop()
    if (this.#inFlight > 0) {
      this.#idle = Promise.withResolvers()
      await this.#idle.promise
    }
    // The last responses leave the process in its next turns.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  abort(): void {
    this.server?.stop(true)
  }
}
