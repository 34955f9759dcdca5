/** Keys of one epoch; more than a process will ever give. */
export const epochSize = 2 ** 32

/** A key as it is shown, and as a running task knows it: slot, epoch and number. */
export function idOf(slot: number, key: number): string {
  return `${slot}-${Math.floor(key / epochSize).toString(36)}-${(key % epochSize).toString(36)}`
}

/** The key of an id; `NaN` where it is none. */
export function keyOf(id: string): { readonly slot: number; readonly key: number } {
  const [slot, epoch = '', number = ''] = id.split('-')
  return { slot: Number(slot), key: Number.parseInt(epoch, 36) * epochSize + Number.parseInt(number, 36) }
}
