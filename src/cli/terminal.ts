import { styleText } from 'node:util'

/** Back to the start of the line, which is empty then. */
export const clearLine = '\r\x1b[K'

/** Says what went wrong, apart from what is printed. */
export function complain(sentence: string): void {
  process.stderr.write(`${styleText('red', sentence, { stream: process.stderr })}\n`)
}

const width = () => process.stdout.columns || 80

/** How far something is, in place of what the line showed before. */
export function bar(done: number, total: number): string {
  const share = total === 0 ? 1 : done / total
  const numbers = ` ${Math.floor(share * 100)} %  ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
  const cells = Math.max(0, Math.min(40, width() - numbers.length - 1))
  const full = Math.round(share * cells)
  return `${clearLine}${styleText('green', '█'.repeat(full), { stream: process.stdout })}${'░'.repeat(cells - full)}${numbers}`
}

/** How often the line is written anew, in ms. */
const interval = 100

/** The last line of a terminal, kept up to date. What else is written stands above it. */
export class StatusLine {
  readonly #text: () => string
  readonly #timer: NodeJS.Timeout
  #shown = ''
  /** What was written last has begun a line, and not ended it. */
  #within = false

  constructor(text: () => string) {
    this.#text = text
    for (const stream of [process.stdout, process.stderr]) if (stream.isTTY) this.#standAbove(stream)
    this.#timer = setInterval(() => this.#draw(), interval).unref()
    this.#draw()
  }

  /** Shows it for the last time. */
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
