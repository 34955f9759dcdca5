/**
 * A record's key is a number that no other record of the folder ever has: which slot gave it, and its place among all that the slot has
 * given. A process begins a block of the slot when it opens it, so the first key of that block names the process, too. All of them
 * are safe integers.
 */
export const slotSize = 2 ** 44
export const blockSize = 2 ** 20
export const mostSlots = 2 ** 9 - 1
/** What keys of a slot there are at most. */
export const blocks = slotSize / blockSize

export function slotOf(key: number): number {
  return Math.floor(key / slotSize)
}

/** The block of its slot that a key is in. */
export function blockOf(key: number): number {
  return Math.floor((key % slotSize) / blockSize)
}

/** A key as it is shown, and as a running task knows it. */
export function idOf(key: number): string {
  return key.toString(36)
}

/** The key of an id; `NaN` where it is none. */
export function recordIdOf(id: string): number {
  return /^[0-9a-z]{1,11}$/.test(id) ? Number.parseInt(id, 36) : Number.NaN
}
