import { styleText } from 'node:util'
import { clearInterval, setInterval } from '../clock.ts'
import { escapeControls } from '../control-characters.ts'

/** The escape sequence that goes back to the start of the line and empties it. */
export const clearLine = '\r\x1b[K'

/** Prints a sentence about trouble to stderr. */
export function complain(sentence: string): void {
  process.stderr.write(`${styleText('red', escapeControls(sentence), { stream: process.stderr })}\n`)
}

const width = () => process.stdout.columns || 80

/** Makes a bar of progress, which replaces the line. */
export function bar(done: number, total: number): string {
  const share = total === 0 ? 1 : done / total
  const numbers = ` ${Math.floor(share * 100)} %  ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
  const cells = Math.max(0, Math.min(40, width() - numbers.length - 1))
  const full = Math.round(share * cells)
  return `${clearLine}${styleText('green', '█'.repeat(full), { stream: process.stdout })}${'░'.repeat(cells - full)}${numbers}`
}

/** The interval in ms at which the line is written anew. */
const interval = 100

/** The status line is the last line of a terminal, kept up to date. All other output stands above it. */
export class StatusLine {
  readonly #text: () => string
  readonly #timer: NodeJS.Timeout
  #shown = ''
  /** The last output has begun a line, and not ended it. */
  #within = false

  constructor(text: () => string) {
    this.#text = text
    for (const stream of [process.stdout, process.stderr]) if (stream.isTTY) this.#standAbove(stream)
    this.#timer = setInterval(() => this.#draw(), interval).unref()
    this.#draw()
  }

  /** Shows the line for the last time. */
  end(): void {
    clearInterval(this.#timer)
    this.#draw()
    if (this.#shown !== '') this.#write('\n')
    this.#shown = ''
  }

  readonly #write = process.stdout.write.bind(process.stdout) as (text: string) => boolean

  #draw(): void {
    const text = this.#text().slice(0, width() - 1)
    if (text === this.#shown || this.#within) return
    this.#shown = text
    this.#write(`${clearLine}${text}`)
  }

  #standAbove(stream: NodeJS.WriteStream): void {
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
    const above = (...args: unknown[]) => {
      if (this.#shown !== '') this.#write(clearLine)
      this.#shown = ''
      this.#within = !String(args[0]).endsWith('\n')
      return write(...args)
    }
    stream.write = above as typeof stream.write
  }
}
