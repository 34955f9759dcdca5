/**
 * The slots of clients that are closed while handlers run on, by their folder: each with what lets the slot go. Other processes wait for
 * that. The next client of this process on the folder does not: the app has begun anew, and a handler may run on for ever.
 */
const closed = new Map<string, Set<() => void>>()

/** Keeps a slot until handlers have ended. @param letGo is called if the next client takes over @param end is called if they have ended before */
export function keepClosed(folder: string, ended: Promise<unknown>, letGo: () => void, end: () => void): void {
  const slots = closed.get(folder) ?? new Set()
  closed.set(folder, slots.add(letGo))
  void ended.then(() => {
    if (slots.delete(letGo)) end()
  })
}

/** Lets the slots of closed clients go: a client is about to be opened on the folder. */
export function takeOver(folder: string): void {
  const slots = closed.get(folder)
  for (const letGo of slots ?? []) letGo()
  slots?.clear()
  closed.delete(folder)
}
