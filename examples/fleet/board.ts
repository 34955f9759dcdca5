import { stripVTControlCharacters } from 'node:util'

const redraw = 200
const style = (code: number) => (text: string) => (process.stdout.isTTY ? `\x1b[${code}m${text}\x1b[0m` : text)
export const bold = style(1)
export const dim = style(2)
export const red = style(31)
export const green = style(32)

/** The terminal: lines that have happened, and beneath them a board that is drawn anew. Elsewhere, in a file, only the lines. */
export class Board implements Disposable {
  readonly #rows: () => readonly string[]
  readonly #begun = performance.now()
  readonly #timer: NodeJS.Timeout | undefined
  #drawn = 0

  constructor(rows: () => readonly string[]) {
    this.#rows = rows
    if (process.stdout.isTTY) this.#timer = setInterval(() => this.#draw(), redraw)
  }

  /** Writes a line that stays, with its time in seconds. */
  tell(text: string): void {
    const time = ((performance.now() - this.#begun) / 1000).toFixed(1).padStart(5)
    this.#erase()
    process.stdout.write(`${dim(`${time} s`)}  ${text}\n`)
    if (this.#timer !== undefined) this.#draw()
  }

  #draw(): void {
    this.#erase()
    const width = process.stdout.columns
    const rows = ['', ...this.#rows()].map((row) =>
      stripVTControlCharacters(row).length < width ? row : row.slice(0, width - 1),
    )
    process.stdout.write(rows.map((row) => `${row}\n`).join(''))
    this.#drawn = rows.length
  }

  #erase(): void {
    if (this.#drawn > 0) process.stdout.write(`\x1b[${this.#drawn}A\x1b[J`)
    this.#drawn = 0
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#draw()
  }
}
