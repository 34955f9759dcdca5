import { fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender } from '../contender.ts'
import { payload } from '../payload.ts'

/** The floor: one file, to which the lines of a turn of the event loop are appended in one write, which is then synced. */
class BareLog {
  readonly #file: number
  #lines: string[] = []
  #waiting: (() => void)[] = []

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  /** Resolves when the line is on the disk. */
  append(line: string): Promise<void> {
    if (this.#waiting.length === 0) setImmediate(this.#flush)
    this.#lines.push(line)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** A line that nobody waits for: it goes with the next one. */
  note(line: string): void {
    this.#lines.push(line)
  }

  clear(): void {
    ftruncateSync(this.#file, 0)
  }

  readonly #flush = (): void => {
    const [lines, waiting] = [this.#lines, this.#waiting]
    this.#lines = []
    this.#waiting = []
    writeSync(this.#file, lines.join(''))
    fdatasyncSync(this.#file)
    for (const resolve of waiting) resolve()
  }
}

async function open(folder: string) {
  const log = new BareLog(join(folder, 'log'))
  const accept = async () => {
    const call = payload()
    await log.append(`${JSON.stringify([call.number, 'send-welcome', [call]])}\n`)
    return call.number
  }
  return { log, accept, clear: async () => log.clear() }
}

export const bareLog: Contender = {
  async pair({ folder }) {
    const { log, accept, clear } = await open(folder)
    return { call: async () => log.note(`${await accept()}\n`), clear }
  },
  async accept({ folder }) {
    const { accept, clear } = await open(folder)
    return { call: accept, clear }
  },
}
