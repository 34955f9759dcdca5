/** The error for a value that can't be stored, with its path: `[0].user.onDone`. */
export class Unstorable extends Error {
  readonly what: string
  readonly path: string

  constructor(what: string, path: string, options?: ErrorOptions) {
    super(`${what} at ${path}`, options)
    this.what = what
    this.path = path
  }
}

/** The error for arguments that take too many bytes. */
export class TooLarge extends Error {
  /** The number of bytes, for a message: of values that were not looked at to their end, `at least` so many. */
  readonly bytes: string

  constructor(bytes: string) {
    super(`The arguments take ${bytes} bytes`)
    this.bytes = bytes
  }
}
