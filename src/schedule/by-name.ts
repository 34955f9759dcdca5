/** The most names that are told apart. An app may make names of arguments: they must fill no memory, here and where the numbers go. */
const mostNames = 500
/** The name that stands for all others. */
const others = '(other)'

/** Keeps something for each name of tasks. */
export class ByName<T> {
  readonly #make: (name: string) => T
  readonly #known = new Map<string, T>()

  constructor(make: (name: string) => T) {
    this.#make = make
  }

  of(name: string): T {
    return this.#known.get(name) ?? this.#add(name)
  }

  #add(name: string): T {
    if (this.#known.size >= mostNames && name !== others) return this.#known.get(others) ?? this.#add(others)
    const made = this.#make(name)
    this.#known.set(name, made)
    return made
  }

  /** All of them, in the order of their names. */
  get all(): T[] {
    return [...this.#known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, kept]) => kept)
  }
}
