import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { suites } from '../suites/suites.ts'

const page = readFileSync(new URL('../../docs/sent.md', import.meta.url), 'utf8')

test('docs/sent.md names each test of another project that differs with a kept job in every request', () => {
  const named = Object.values(suites).flatMap(({ differs = {} }) => Object.keys(differs))
  expect(named.filter((file) => !page.includes(basename(file)))).toEqual([])
})
