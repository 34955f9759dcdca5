import { AfterwordError } from '../errors.ts'
import { within } from '../timers.ts'
import type { Journal } from './record.ts'

/** The time in ms in which a withdrawal is stored, or its end is not known. */
const longest = 10_000

/**
 * Waits until a record that was cancelled in memory is stored as such: should this process die then, no other one runs the record.
 * @throws AfterwordError `AFTERWORD_NOT_ANSWERED` where the disk does not take it
 */
export async function storeWithdrawal(journal: Pick<Journal, 'flushed' | 'withdrawalsStored'>): Promise<void> {
  const stored = journal.withdrawalsStored?.() ?? journal.flushed()
  if (await within(longest, stored)) return
  throw notAnswered('the disk has not taken that')
}

/** The error of a withdrawal whose end is not known. */
export function notAnswered(why: string): AfterwordError {
  return new AfterwordError('AFTERWORD_NOT_ANSWERED', [why])
}
