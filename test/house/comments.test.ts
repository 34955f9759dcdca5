import { expect, test } from 'vitest'
import { filesIn, type SourceFile } from './source.ts'

/** The words with which no doc comment begins: pronouns and question words. They leave out the subject. */
const banned =
  /^(what|which|who|whom|whose|whoever|whatever|whichever|where|wherever|when|whenever|why|how|it|its|itself|they|them|their|this|that|these|those|he|she|we|you|nobody|nothing|somebody|something|anybody|anything|everybody|everything|of|by|so|also|the same)\b/i

/** Lists the doc comments of a file that begin with a banned word. */
function riddles({ path, text }: SourceFile): string[] {
  return Array.from(text.matchAll(/\/\*\*([\s\S]*?)\*\//g)).flatMap((match) => {
    const comment = (match[1] ?? '').replace(/^\s*\*\s?/gm, '').trim()
    if (!banned.test(comment)) return []
    return [`${path}:${text.slice(0, match.index).split('\n').length} ${comment.split('\n', 1)[0]}`]
  })
}

test.each(['src', 'test', 'bench', 'examples', 'tools'])(
  '%s/: no doc comment begins with a pronoun or a question word',
  (folder) => {
    const files = filesIn(folder).filter(({ path }) => !path.endsWith('house/comments.test.ts'))
    expect(files.length).toBeGreaterThan(0)
    expect(files.flatMap(riddles)).toEqual([])
  },
)

test('test/house: a doc comment that begins with a pronoun is found, also over several lines', () => {
  const text = "/** A task. */\n/**\n * What it is.\n */\n/** It's known. */"
  expect(riddles({ path: 'a.ts', text })).toEqual(['a.ts:2 What it is.', "a.ts:5 It's known."])
})
