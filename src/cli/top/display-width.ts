/** Characters that take two cells of a terminal: East Asian ones, and emoji. */
const wide =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303F\uFF01-\uFF60]|\p{Emoji_Presentation}/u
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Fits a text into so many cells of a terminal: cut, with an ellipsis, or filled up with spaces. */
export function inCells(text: string, width: number, isRight = false): string {
  let cut = ''
  let cells = 0
  for (const { segment } of segmenter.segment(text)) {
    const more = wide.test(segment) ? 2 : 1
    if (cells + more > width) {
      // The last character gives its place to the ellipsis.
      while (cells > width - 1) {
        const last = [...segmenter.segment(cut)].at(-1)?.segment ?? ''
        cut = cut.slice(0, cut.length - last.length)
        cells -= wide.test(last) ? 2 : 1
      }
      cut += width > 0 ? '…' : ''
      cells += width > 0 ? 1 : 0
      break
    }
    cut += segment
    cells += more
  }
  const space = ' '.repeat(Math.max(0, width - cells))
  return isRight ? space + cut : cut + space
}
