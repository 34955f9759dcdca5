import { Worker } from 'node:worker_threads'
import type { FailureWriter } from './failure-writer.ts'
import type { PauseWriter } from './pause-writer.ts'
import type { RecordCounter } from './record-counter.ts'
import type { RecordOverview } from './record-overview.ts'
import type { RecordPages } from './record-pages.ts'
import type { RecordReader } from './record-reader.ts'
import { threadCode } from './thread-code.ts'

/** The parts of an inspection, which live in its thread. */
interface Parts {
  readonly reader: RecordReader
  readonly counter: RecordCounter
  readonly pages: RecordPages
  readonly overview: RecordOverview
  readonly writer: FailureWriter
  readonly pauses: PauseWriter
}

/** A question to the thread: the next item of a call. The first question of a call starts it. */
export interface Question {
  readonly call: number
  readonly method: readonly [part: keyof Parts, name: string]
  readonly args: readonly unknown[]
  /** The caller wants no further item. */
  readonly ends: boolean
}

export interface Answer {
  readonly call: number
  readonly value: unknown
  readonly done: boolean
  readonly error?: unknown
  readonly unreadable: readonly string[]
}

/** An inspection thread looks into a journal from outside. It holds the process only while it answers. */
export class InspectionThread implements AsyncDisposable {
  /** A sentence for each database that can't be read, so far. */
  unreadable: readonly string[] = []
  readonly #thread: Worker
  readonly #answers = new Map<number, PromiseWithResolvers<Answer>>()
  #calls = 0

  /** @param path the folder of a journal, or the file of an app's own database */
  constructor(path: string) {
    this.#thread = new Worker(threadCode, {
      eval: typeof threadCode === 'string',
      workerData: path,
      // Deno takes none.
      execArgv: 'deno' in process.versions ? [] : ['--disable-warning=ExperimentalWarning'],
    })
    this.#thread.unref()
    this.#thread.on('message', (answer: Answer) => this.#take(answer.call)?.resolve(answer))
    this.#thread.on('error', (error) => {
      for (const call of [...this.#answers.keys()]) this.#take(call)?.reject(error)
    })
  }

  /** Yields the items of a call. Throws the error of the call, or that of opening the journal. */
  async *items<P extends keyof Parts, M extends keyof Parts[P] & string>(
    part: P,
    name: M,
    ...args: Parts[P][M] extends (...args: infer A) => unknown ? A : never
  ): AsyncGenerator<Parts[P][M] extends (...args: never[]) => Generator<infer T> ? T : never> {
    const call = ++this.#calls
    const question = { call, method: [part, name] as const, args, ends: false }
    let isDone = false
    try {
      for (;;) {
        const { value, done } = await this.#ask(question)
        isDone = done
        if (done) return
        yield value as never
      }
    } finally {
      if (!isDone) await this.#ask({ ...question, ends: true }).catch(() => {})
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate()
  }

  async #ask(question: Question): Promise<Answer> {
    const answered = Promise.withResolvers<Answer>()
    this.#answers.set(question.call, answered)
    this.#thread.ref()
    this.#thread.postMessage(question)
    const answer = await answered.promise
    this.unreadable = answer.unreadable
    if (answer.error !== undefined) throw answer.error
    return answer
  }

  #take(call: number): PromiseWithResolvers<Answer> | undefined {
    const answered = this.#answers.get(call)
    this.#answers.delete(call)
    if (this.#answers.size === 0) this.#thread.unref()
    return answered
  }
}

/** Resolves with the only item. */
export async function only<T>(items: AsyncGenerator<T>): Promise<T> {
  for await (const item of items) return item
  throw new Error('The inspection has ended')
}
