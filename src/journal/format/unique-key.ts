/** The mark of a unique key that SQLite could not tell from others: text with NUL, or that is no Unicode. No other stored key begins with it. */
const escapedMark = 'escaped:'

/** Makes the stored form of a unique key: the key itself, but for odd ones. Two keys never have the same. */
export function storableKey(key: string): string {
  if (key.isWellFormed() && !key.includes('\0') && !key.startsWith(escapedMark)) return key
  return escapedMark + JSON.stringify(key).slice(1, -1)
}

/** Reads a stored unique key. */
export function readKey(stored: string): string {
  if (!stored.startsWith(escapedMark)) return stored
  try {
    return String(JSON.parse(`"${stored.slice(escapedMark.length)}"`))
  } catch {
    return stored
  }
}
