/** A first-in, first-out queue. Its items carry the link, so that waiting costs no further object. */
export class Fifo<T extends { next: T | undefined }> {
  #head: T | undefined
  #tail: T | undefined

  get empty(): boolean {
    return this.#head === undefined
  }

  get first(): T | undefined {
    return this.#head
  }

  push(item: T): void {
    if (this.#tail === undefined) this.#head = item
    else this.#tail.next = item
    this.#tail = item
  }

  /** Puts an item back where it was taken from. */
  unshift(item: T): void {
    item.next = this.#head
    this.#head = item
    this.#tail ??= item
  }

  shift(): T | undefined {
    const item = this.#head
    if (item === undefined) return undefined
    this.#head = item.next
    if (this.#head === undefined) this.#tail = undefined
    item.next = undefined
    return item
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let item = this.#head; item !== undefined; item = item.next) yield item
  }
}
