import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { Answer } from '../adapters/handler/answer.ts'
import type { Call } from '../adapters/handler/call.ts'
import { answer, based } from './answers.ts'
import { pageFiles } from './page-files.ts'

/** The encodings in the order of their worth. */
const encodings = { br: promisify(brotliCompress), gzip: promisify(gzip) } as const
type Encoding = keyof typeof encodings

const year = 365 * 24 * 3600

const tags = new Map<string, string>()
const compressed = new Map<string, Promise<Uint8Array>>()

/** The name is that of a file of the page. */
export function isPageFile(name: string): boolean {
  return Object.hasOwn(pageFiles, name)
}

/** Answers with a file of the page. A file is compressed once. */
export async function pageAnswer(name: string, call: Call): Promise<Answer> {
  const { type, text } = pageFiles[name] as { type: string; text: string }
  const tag = tagOf(name, text)
  const isHashed = name !== 'index.html'
  const headers = {
    'content-type': type,
    'cache-control': isHashed ? `private, max-age=${year}, immutable` : 'no-cache',
    etag: tag,
    vary: 'accept-encoding',
  }
  if (call.header('if-none-match')?.split(/,\s*/).includes(tag)) return answer(304, headers)
  const accepted = call.mayEncode ? (call.header('accept-encoding') ?? '') : ''
  const encoding = (Object.keys(encodings) as Encoding[]).find((each) => accepts(accepted, each))
  if (encoding === undefined) return answer(200, headers, text)
  return answer(200, { ...headers, 'content-encoding': encoding }, await compress(name, text, encoding))
}

/**
 * Answers with the page at a path without a slash at its end: the addresses in it are relative to the path with one.
 *
 * @param segment the last segment of the path, as it is encoded in a URL
 */
export function pageBelow(segment: string): Answer {
  const { type, text } = pageFiles['index.html'] as { type: string; text: string }
  const base = `<base href="./${segment.replaceAll('&', '&amp;').replaceAll('"', '%22').replaceAll('<', '%3C')}/">`
  return based(
    answer(
      200,
      { 'content-type': type, 'cache-control': 'no-cache' },
      text.replace('<head>', () => `<head>${base}`),
    ),
  )
}

function accepts(header: string, encoding: Encoding): boolean {
  return new RegExp(`(^|,)\\s*${encoding}\\s*(;(?!\\s*q=0(\\.0*)?\\s*(,|$))|,|$)`).test(header)
}

function tagOf(name: string, text: string): string {
  const known = tags.get(name)
  if (known !== undefined) return known
  const tag = `W/"${createHash('sha256').update(text).digest('base64url').slice(0, 16)}"`
  tags.set(name, tag)
  return tag
}

function compress(name: string, text: string, encoding: Encoding): Promise<Uint8Array> {
  const key = `${encoding} ${name}`
  const known = compressed.get(key)
  if (known !== undefined) return known
  const bytes = encodings[encoding](text)
  compressed.set(key, bytes)
  return bytes
}
