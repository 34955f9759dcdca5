/** C0 without line feed and tab, DEL and C1: with these a text steers the terminal that shows it (ECMA-48, section 5). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controlsAndLines = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g
/** The controls of direction turn what stands behind them: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters */
const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Escapes control characters of a text of several lines: `\x1b` for ESC. Names, arguments and errors may have any. */
export function escapeControls(text: string): string {
  return escapeDirections(text.replace(controls, escaped))
}

/** Does the same, line ends included. */
export function inOneLine(text: string): string {
  return escapeDirections(text.replace(controlsAndLines, escaped))
}

/** Escapes the control characters that `JSON.stringify` leaves in strings, as JSON does. */
export function escapeInJson(json: string): string {
  return escapeDirections(json.replace(/[\x7f-\x9f]/g, (character) => `\\u${hex(character, 4)}`))
}

/** Escapes controls of direction alone: those of a terminal may be its colours. */
export function escapeDirections(text: string): string {
  return text.replace(directions, escaped)
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  return character > '\xff' ? `\\u${hex(character, 4)}` : `\\x${hex(character, 2)}`
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0')
}
