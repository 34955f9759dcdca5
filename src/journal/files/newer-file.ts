import { AfterwordError } from '../../errors.ts'

/** The error of a file that a newer release has written: `AFTERWORD_JOURNAL_NEWER`. */
export class NewerFile extends AfterwordError {
  /** The values of the message. */
  readonly values: readonly unknown[]

  constructor(path: string, found: number, known: number) {
    super('AFTERWORD_JOURNAL_NEWER', [path, found, known])
    this.values = [path, found, known]
  }
}
