import { type Events, subscribe } from '../../src/index.ts'

/** The reports that come while a test runs. */
export class Reports implements Disposable {
  readonly all: Events['report'][] = []
  readonly #unsubscribe = subscribe('report', (report) => void this.all.push(report))

  /** Resolves when something more is reported. */
  get next(): Promise<Events['report']> {
    return new Promise((resolve) => {
      const unsubscribe = subscribe('report', (report) => {
        unsubscribe()
        resolve(report)
      })
    })
  }

  /** Without `AFTERWORD_SLOW_TASK`: a busy machine may interrupt any task for a while. */
  get codes(): string[] {
    return this.all.map(({ error }) => error.code).filter((code) => code !== 'AFTERWORD_SLOW_TASK')
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }
}
