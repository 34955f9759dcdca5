import { expect } from 'vitest'
import type { Afterword, Job } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'

/** Counts what runs at once. Runs wait until so many of them have begun: the most is reached, on a busy machine too. */
export class AtOnce {
  most = 0
  #running = 0
  readonly #reached = Promise.withResolvers<void>()
  readonly #room: number

  constructor(room: number) {
    this.#room = room
  }

  async run(): Promise<void> {
    this.most = Math.max(this.most, ++this.#running)
    if (this.#running === this.#room) this.#reached.resolve()
    await this.#reached.promise
    // A run that is one too many has time to begin.
    await new Promise((resolve) => setTimeout(resolve, 5))
    this.#running--
  }
}

/** Expects of an instance whose worker has room for three that as many run at once, of several jobs, and one of a job that is limited to one. */
export async function expectRoomForThree(afterword: Afterword): Promise<void> {
  const [all, few] = [new AtOnce(3), new AtOnce(1)]
  const jobs: Job<[]>[] = ['a', 'b', 'c', 'd', 'e'].map((name) => afterword.job(name, () => all.run()))
  const Few = afterword.job('few', () => Promise.all([all.run(), few.run()]), { concurrency: 1 })
  const ends = Promise.all([ended('few', 20), ...jobs.map(({ name }) => ended(name, 20))])
  await Promise.all(Array.from({ length: 20 }, () => [Few, ...jobs].map((job) => job.dispatch())).flat())
  await ends
  expect([all.most, few.most]).toEqual([3, 1])
}
