/**
 * A record id is a number that no other record of the folder ever has: it tells the slot that gave it, and counts the ids of that slot.
 * A process begins a block of ids when it takes a slot, so that the first id of the block is the number of the process, too. All ids are
 * safe integers. In the database, and in the arithmetic of the schema, the column is called `key`.
 */
export const slotSize = 2 ** 44
export const blockSize = 2 ** 20
export const mostSlots = 2 ** 9 - 1
/** The number of blocks of a slot. */
export const blocks = slotSize / blockSize

export function slotOf(recordId: number): number {
  return Math.floor(recordId / slotSize)
}

/** The block of a record id within its slot. */
export function blockOf(recordId: number): number {
  return Math.floor((recordId % slotSize) / blockSize)
}

/** The id of a task or a listed record: the record id as text. */
export function idOf(recordId: number): string {
  return recordId.toString(36)
}

/** The record id of an id; `NaN` where the text is none. */
export function recordIdOf(id: string): number {
  return /^[0-9a-z]{1,11}$/.test(id) ? Number.parseInt(id, 36) : Number.NaN
}
