/** A part of the process that ends before the process does: an instance, a worker thread, the workers of a cluster. */
export interface Ending {
  /** Work would be lost if the process ended now. Otherwise a signal does what it does without this package. */
  readonly isNeeded: boolean
  /** The part takes requests, or has functions to call at the end. */
  readonly serves: boolean
  /** The longest time in ms, from the signal on, that the process waits for the app. */
  readonly timeout: number
  /** The wording of what the end waits for, once it has begun. */
  readonly waitsFor: string | undefined
  /**
   * Ends the part.
   * @param appListens the app listens to the signal, too
   * @returns whether nothing was lost
   */
  end(signal: EndSignal, appListens: boolean): Promise<boolean>
}

/** The signals that end a process, by their number. https://man7.org/linux/man-pages/man7/signal.7.html */
export const signalNumbers = { SIGTERM: 15, SIGINT: 2, SIGHUP: 1, SIGQUIT: 3 } as const
export type EndSignal = keyof typeof signalNumbers
