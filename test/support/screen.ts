/** The screen of a terminal, from all that a program has written to it: the sequences that `afterword top` uses, and no others. */
export class TerminalScreen {
  /** The alternate screen is shown. */
  isAlternate = false
  hasCursor = true
  /** The pictures so far: each begins at the upper left corner. */
  pictures = 0
  #lines: string[] = ['']
  #row = 0
  #column = 0

  constructor(output: string) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these steer terminals
    for (const [part, parameters, command] of output.matchAll(/\x1b\[([?\d;]*)([A-Za-z])|[\s\S]/gu)) {
      if (command !== undefined) this.#obey(`${parameters}${command}`)
      else this.#write(part)
    }
  }

  get lines(): string[] {
    return this.#lines.map((line) => line.trimEnd())
  }

  get text(): string {
    return this.lines.join('\n')
  }

  #obey(command: string): void {
    if (command.endsWith('m')) return
    switch (command) {
      case '?1049h':
      case '?1049l':
        this.isAlternate = command.endsWith('h')
        this.#lines = ['']
        this.#row = this.#column = 0
        break
      case '?25l':
      case '?25h':
        this.hasCursor = command.endsWith('h')
        break
      case 'H':
        this.pictures++
        this.#row = this.#column = 0
        break
      case 'K':
        this.#lines[this.#row] = (this.#lines[this.#row] ?? '').slice(0, this.#column)
        break
      case 'J':
        this.#lines.length = this.#row + 1
        break
      default:
        throw new Error(`The screen does not know the sequence ${command}`)
    }
  }

  #write(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') this.#lines[++this.#row] ??= ''
    else {
      const line = (this.#lines[this.#row] ?? '').padEnd(this.#column)
      this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + character.length)
      this.#column += character.length
    }
  }
}
