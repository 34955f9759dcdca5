/** Errors of built-in methods without their object, in V8, JavaScriptCore and Node's own classes. */
const builtIn = /incompatible receiver|Illegal invocation|[Vv]alue of "this"|of 'this'|evaluating 'this\.|type "?this"?/
/** The property that was asked of nothing: `Cannot read properties of undefined (reading 'name')`. */
const property =
  /\((?:reading|setting) '([^']+)'\)|private (?:member|method) (#\S+)|(?:Receiver must be|private member from)/
const arrow = /^(?:async\s*)?(?:\(|[\w$]+\s*=>)/

/**
 * Makes the part of a message that tells why a function failed: a method was passed without its object, `defer(mailer.send)`, and found `this`
 * undefined.
 * @returns an empty text for other failures
 */
export function lostThis(fn: ((...args: never[]) => unknown) | undefined, error: unknown): string {
  try {
    if (fn === undefined || !(error instanceof TypeError) || !isLost(String(fn), error.message)) return ''
    const name = fn.name === '' ? 'method' : fn.name
    return `: "${name}" was passed without its object, and "this" is undefined in it. Pass (...args) => object.${name}(...args), or object.${name}.bind(object)`
  } catch {
    // Handlers throw what they like, also what can't be read.
    return ''
  }
}

function isLost(source: string, message: string): boolean {
  if (builtIn.test(message)) return true
  const found = property.exec(message)
  if (found === null || arrow.test(source)) return false
  const name = found[1] ?? found[2]
  if (name === undefined) return /\bthis\b/.test(source)
  return [`this.${name}`, `this['${name}']`, `this["${name}"]`].some((text) => source.includes(text))
}
