/** The most characters of an error's text that are stored, or printed. */
export const longestText = 64 * 1024
/** The depth to which causes of causes are listed: they may form a circle. */
const deepestCause = 8

/**
 * Makes the text of an error, with its causes, as it is listed later, or printed. What is too long is cut off before it is joined with anything, and
 * an error that can't be read is said to be one: handlers throw what they like.
 */
export function errorText(error: unknown): string {
  let text = ''
  let each: unknown = error
  for (let depth = 0; depth <= deepestCause && text.length < longestText; depth++) {
    if (depth > 0) text += '\ncaused by '
    text += partOf(each).slice(0, longestText)
    each = causeOf(each)
    if (each === undefined) break
  }
  // No database takes NUL, or half a character, for what it is.
  return text.slice(0, longestText).toWellFormed().replaceAll('\0', '\ufffd')
}

function partOf(error: unknown): string {
  try {
    if (typeof error !== 'object' || error === null) return String(error)
    const { stack, message } = error as { stack?: unknown; message?: unknown }
    if (typeof stack === 'string' && stack !== '') return stack
    return typeof message === 'string' ? message : String(error)
  } catch {
    return 'an error that can not be read'
  }
}

function causeOf(error: unknown): unknown {
  try {
    return error instanceof Error ? error.cause : undefined
  } catch {
    return undefined
  }
}
