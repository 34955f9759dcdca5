import { blockOf } from '../files/record-id.ts'

/** The ids that a process gives to its records. */
export class RecordIds {
  readonly #process: number
  readonly #begin: (recordId: number) => void
  #last: number

  /** @param begin stores that a block of ids has begun, of which the process has given this one */
  constructor(process: number, begin: (recordId: number) => void) {
    this.#process = process
    this.#begin = begin
    this.#last = process
  }

  /** The id of the next record. */
  get next(): number {
    return this.#last + 1
  }

  /** The next id is given. */
  give(): void {
    const last = this.#last++
    if (blockOf(this.#last) !== blockOf(last)) this.tellBlock()
  }

  /** The next process of the slot begins behind the last block of which this process has given an id. */
  tellBlock(): void {
    if (blockOf(this.#last) !== blockOf(this.#process)) this.#begin(this.#last)
  }
}
