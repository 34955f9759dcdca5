import type { StreamOutput } from '../adapters/handler/answer.ts'
import type { Afterword } from '../afterword.ts'
import { clock } from '../clock.ts'
import type { Intake } from '../shutdown.ts'
import type { DashboardEvents } from './views.ts'

/** The most streams that are open at once. */
const mostStreams = 100
/** The time in ms after which a stream is ended: its page connects again, and is asked again who it is. */
const longestStream = 3_600_000

/** The streams of server-sent events of all open pages. Each event is written out once, however many there are. */
export class Streams implements Intake {
  readonly #open = new Map<StreamOutput, number>()
  readonly #onChange: () => void
  /** The instance whose shutdown ends the streams; `undefined` where the process has none. */
  readonly #afterword: Afterword | undefined
  #remove: (() => void) | undefined
  #isEnding = false

  /** @param onChange is called when a stream was opened or has ended */
  constructor(afterword: Afterword | undefined, onChange: () => void) {
    this.#afterword = afterword
    this.#onChange = onChange
  }

  get size(): number {
    return this.#open.size
  }

  /** No stream can be opened: there are many, or the process ends. */
  get isFull(): boolean {
    return this.#isEnding || this.#open.size >= mostStreams
  }

  /** Opens a stream, with its first events. @returns a function that is to be called when it has ended */
  add(output: StreamOutput, first: readonly string[]): () => void {
    output.write(first.join(''))
    this.#open.set(output, clock.now() + longestStream)
    // A shutdown would wait for a response that never ends.
    this.#remove ??= this.#afterword?.addIntake(this)
    this.#onChange()
    return () => this.#ended(output)
  }

  /** Sends an event to all pages. */
  send<E extends keyof DashboardEvents>(event: E, data: DashboardEvents[E]): void {
    if (this.#open.size > 0) this.#write(eventText(event, data))
  }

  /** Ends the streams that are open for long. */
  endOld(): void {
    for (const [output, until] of this.#open) if (clock.now() > until) this.#end(output)
  }

  async stop(): Promise<void> {
    this.#isEnding = true
    for (const output of [...this.#open.keys()]) this.#end(output)
  }

  abort(): void {
    for (const output of [...this.#open.keys()]) this.#breakOff(output)
  }

  #write(text: string): void {
    // A page that reads too slowly connects again when it can. Its stream is broken off: one that is ended keeps what waits until the page has read it.
    for (const output of [...this.#open.keys()]) if (!output.write(text)) this.#breakOff(output)
  }

  #end(output: StreamOutput): void {
    output.end()
    this.#ended(output)
  }

  #breakOff(output: StreamOutput): void {
    output.destroy()
    this.#ended(output)
  }

  #ended(output: StreamOutput): void {
    if (!this.#open.delete(output)) return
    if (this.#open.size === 0) {
      this.#remove?.()
      this.#remove = undefined
    }
    this.#onChange()
  }
}

/** Writes an event: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function eventText<E extends keyof DashboardEvents>(event: E, data: DashboardEvents[E]): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
