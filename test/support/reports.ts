import { type Events, subscribe } from '../../src/index.ts'

/** What is reported while a test runs. */
export class Reports implements Disposable {
  readonly all: Events['report'][] = []
  readonly #unsubscribe = subscribe('report', (report) => void this.all.push(report))

  get codes(): string[] {
    return this.all.map(({ error }) => error.code)
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }
}
