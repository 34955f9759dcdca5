import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { LanguageServer } from '../support/language-server.ts'

const subpaths = Object.keys(manifest.exports).filter((path) => path !== './package.json' && path !== './auto')

describe('quick info of an editor', () => {
  let server: LanguageServer
  beforeAll(async () => {
    server = await LanguageServer.start()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  /** Lists the parts that the text beside a name lacks: the words below its type, and the example. */
  function missing(info: string): string[] {
    const [, , words = ''] = info.split('```')
    const hasText = /^\s*\w[^*]*\w/.test(words) || /^\s*`/.test(words)
    return [...(hasText ? [] : ['text']), ...(info.includes('*@example*') ? [] : ['@example'])]
  }

  it.each(subpaths)('every export of %s has a text and an example', async (subpath) => {
    const specifier = `afterword${subpath.slice(1)}`
    const list = `names-of-${subpath.replaceAll(/\W/g, '')}.ts`
    server.open(list, `import {  } from '${specifier}'`)
    const names = (await server.completions(list, 0, 9)).filter((name) => name !== 'type')
    expect(names.length).toBeGreaterThan(0)

    const file = `exports-of-${subpath.replaceAll(/\W/g, '')}.ts`
    server.open(file, names.map((name) => `import { ${name} } from '${specifier}'`).join('\n'))
    const found = await Promise.all(
      names.map(async (name, line) => [name, await server.quickInfo(file, line, 9)] as const),
    )
    const faults = found.map(([name, info]) => [name, missing(info)] as const).filter(([, { length }]) => length > 0)
    expect(faults).toEqual([])
  })

  it.each([
    ['defer', '(console.log, 1)'],
    ['job', "('mail', (to: string) => to)"],
    ['batch', "('track', (events: number[]) => events)"],
    ['onSent', '(() => {})'],
    ['waitUntil', '(Promise.resolve())'],
    ['finishRequest', '()'],
    ['currentTask', '()'],
    ['bind', '(() => {})'],
    ['configure', '({})'],
    ['instance', '()'],
  ])('a call of %s shows a text and an example', async (name, call) => {
    const file = `call-of-${name}.ts`
    server.open(file, `import { ${name} } from 'afterword'\n${name}${call}`)
    expect(missing(await server.quickInfo(file, 1, 0))).toEqual([])
  })
})
