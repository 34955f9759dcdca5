import { type Events, subscribe } from '../../src/index.ts'

/**
 * The reports that come while a test runs. A busy machine may interrupt any task for a while: reports of slow tasks are left out, unless the
 * test is about them.
 */
export class Reports implements Disposable {
  readonly all: Events['report'][] = []
  readonly #isWanted: (report: Events['report']) => boolean
  readonly #unsubscribe = subscribe('report', (report) => void (this.#isWanted(report) && this.all.push(report)))

  constructor({ slowTasks = false } = {}) {
    this.#isWanted = ({ error }) => slowTasks || error.code !== 'AFTERWORD_SLOW_TASK'
  }

  /** Resolves with the next report. */
  get next(): Promise<Events['report']> {
    return new Promise((resolve) => {
      const unsubscribe = subscribe('report', (report) => {
        if (!this.#isWanted(report)) return
        unsubscribe()
        resolve(report)
      })
    })
  }

  get codes(): string[] {
    return this.all.map(({ error }) => error.code)
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }
}
