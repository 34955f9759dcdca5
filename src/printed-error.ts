import { escapeControls, inOneLine } from './control-characters.ts'
import { errorText, longestText } from './error-text.ts'
import type { AfterwordError } from './errors.ts'

/** The folder of this package, as it stands in stacks, with or without `file://`; none in a bundle. */
const own = /^file:\/\/(\/.*\/)printed-error\.c?[jt]s$/.exec(import.meta.url)?.[1]

/** Makes the text of an error as it is printed: one line, then its cause. Never throws. */
export function printedError(error: AfterwordError): string {
  const line = inOneLine(`${error.code}: ${error.message}`)
  return 'cause' in error ? `${line} ${printedCause(error.cause)}` : line
}

/** Makes the text of a cause as it is printed: that of an error has its stack. Never throws. */
export function printedCause(cause: unknown): string {
  return escapeControls(causeText(cause))
}

function causeText(cause: unknown): string {
  if (typeof cause === 'string') return brief(cause)
  const text = errorText(cause)
  // Some errors have the body of a response in their message, of which the beginning is enough.
  if (text.length >= longestText) return `${text}…`
  try {
    // Not an import: the core is to load quickly. Some Workers have no such function, and no properties are printed then.
    const inspect = globalThis.process?.getBuiltinModule?.('node:util')?.inspect
    return brief(withoutOwnFrames(inspect?.(cause) ?? text))
  } catch {
    return withoutOwnFrames(text)
  }
}

function brief(text: string): string {
  return text.length < longestText ? text : `${text.slice(0, longestText)}…`
}

/** Leaves out the frames of this package, and those of Node that have called it: they are the same for every task. */
function withoutOwnFrames(text: string): string {
  if (own === undefined || !text.includes(own)) return text
  const kept: string[] = []
  let isOwn = false
  for (const line of text.split('\n')) {
    const isFrame = /^\s+at /.test(line)
    isOwn = isFrame && (line.includes(own) || (isOwn && line.includes('node:')))
    if (!isOwn) kept.push(line)
    // The properties of an error begin behind its last frame.
    else if (line.endsWith(' {')) kept.push(`${kept.pop()} {`)
  }
  return kept.join('\n')
}
