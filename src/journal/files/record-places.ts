/** The number of ids in a block. Ids are given one after another: most blocks are full of them. */
const blockSize = 4096

/** A range of bytes of a file. */
export interface Range {
  readonly offset: number
  readonly length: number
}

interface Block {
  readonly offsets: Float64Array
  /** 0 for an id that has no place. */
  readonly lengths: Uint32Array
}

/** The places of records in a file, by their ids: 12 bytes for each, where a `Map` of ranges would take a hundred. */
export class RecordPlaces {
  readonly #blocks = new Map<number, Block>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(id: number): boolean {
    return Boolean(this.#blocks.get(Math.floor(id / blockSize))?.lengths[id % blockSize])
  }

  get(id: number): Range | undefined {
    const block = this.#blocks.get(Math.floor(id / blockSize))
    const at = id % blockSize
    const length = block?.lengths[at]
    return length ? { offset: block?.offsets[at] as number, length } : undefined
  }

  /** @param length at least 1 */
  set(id: number, offset: number, length: number): void {
    const number = Math.floor(id / blockSize)
    let block = this.#blocks.get(number)
    if (block === undefined) {
      block = { offsets: new Float64Array(blockSize), lengths: new Uint32Array(blockSize) }
      this.#blocks.set(number, block)
    }
    const at = id % blockSize
    if (block.lengths[at] === 0) this.#size++
    block.offsets[at] = offset
    block.lengths[at] = length
  }

  delete(id: number): void {
    const block = this.#blocks.get(Math.floor(id / blockSize))
    const at = id % blockSize
    if (!block?.lengths[at]) return
    block.lengths[at] = 0
    this.#size--
  }

  /** Yields the ids that have a place, in ascending order. */
  *ids(): Generator<number> {
    for (const number of [...this.#blocks.keys()].sort((a, b) => a - b)) {
      const { lengths } = this.#blocks.get(number) as Block
      for (let at = 0; at < blockSize; at++) if (lengths[at] !== 0) yield number * blockSize + at
    }
  }
}
