import { once } from 'node:events'

const enter = '\x1b[?1049h\x1b[?25l'
const leave = '\x1b[?25h\x1b[?1049l'
const home = '\x1b[H'
const clearToLineEnd = '\x1b[K'
const clearBelow = '\x1b[J'

/** Signals that end the process: the terminal is as it was before. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The whole terminal, taken until it is left: the alternate screen, without a cursor, and each key as it is pressed. */
export class Screen implements Disposable {
  /** Aborts when a signal, or the end of the input, ends the screen. */
  readonly ended = new AbortController()
  readonly #onKey: (key: string) => void
  readonly #onResize: () => void
  readonly #end = () => this.ended.abort()
  #isLeft = false

  constructor(onKey: (key: string) => void, onResize: () => void) {
    this.#onKey = onKey
    this.#onResize = onResize
    // Whatever ends the process, an error included, the terminal is as it was.
    process.once('exit', this.#leave)
    for (const signal of signals) process.on(signal, this.#end)
    process.stdout.write(enter)
    process.stdout.on('resize', this.#onResize)
    const { stdin } = process
    stdin.setRawMode?.(true)
    stdin.setEncoding('utf8').on('data', this.#heard).on('end', this.#end)
  }

  get size(): { readonly columns: number; readonly rows: number } {
    // A terminal that does not know its size tells 0.
    return { columns: Math.max(process.stdout.columns || 80, 20), rows: Math.max(process.stdout.rows || 24, 8) }
  }

  /** Draws all lines, from the top. Waits where the terminal takes no more. */
  async draw(lines: readonly string[]): Promise<void> {
    const text = lines.map((line) => `${line}${clearToLineEnd}`).join('\r\n')
    if (!process.stdout.write(`${home}${text}${clearBelow}`)) await once(process.stdout, 'drain')
  }

  [Symbol.dispose](): void {
    this.#leave()
    process.removeListener('exit', this.#leave)
    for (const signal of signals) process.removeListener(signal, this.#end)
    process.stdout.removeListener('resize', this.#onResize)
    process.stdin.removeListener('data', this.#heard).removeListener('end', this.#end).pause()
  }

  /** Several keys may come at once, and a key may be a sequence. */
  readonly #heard = (text: string): void => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: keys are control characters
    for (const [key] of text.matchAll(/\x1b\[[\d;]*[A-Za-z~]|\x1b[A-Za-z]?|[\s\S]/gu)) this.#onKey(key)
  }

  readonly #leave = (): void => {
    if (this.#isLeft) return
    this.#isLeft = true
    process.stdin.setRawMode?.(false)
    process.stdout.write(leave)
  }
}
