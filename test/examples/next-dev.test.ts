import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NextBuild } from '../../tools/next-build.ts'
import { Example } from './example.ts'

test('examples/next under next dev: a job of page, route, action and instrumentation is edited', async () => {
  using build = new NextBuild('examples/next')
  build.install()
  await using server = await Example.start({
    executable: process.execPath,
    args: [build.program, 'dev', build.app],
    env: { NODE_ENV: 'development', NEXT_TELEMETRY_DISABLED: '1', JOURNAL: join(build.app, 'journal') },
  })
  const signUp = async (address: string) => {
    const response = await fetch(`${server.url}/signup`, { method: 'POST', body: new URLSearchParams({ address }) })
    return { status: response.status, answer: await response.json() }
  }
  const page = async () => (await fetch(server.url)).text()

  // The action is part of the page.
  const action = /name="(\$ACTION_ID_[^"]+)"/.exec(await page())?.[1]
  expect(await signUp('a@b.c')).toEqual({ status: 201, answer: { address: 'a@b.c' } })
  await server.prints('welcome, a@b.c')
  const form = new FormData()
  form.set(String(action), '')
  form.set('address', 'd@e.f')
  expect((await fetch(server.url, { method: 'POST', body: form, redirect: 'manual' })).status).toBe(303)
  await server.prints('welcome, d@e.f')

  const jobs = join(build.app, 'app/jobs.ts')
  const code = readFileSync(jobs, 'utf8')
  writeFileSync(jobs, `// A line more.\n${code.replace('welcome, ', 'at last, ')}`)
  // Next tells nobody that it has seen the edit: ask until it has.
  for (let n = 0; !server.output.includes('at last, '); n++) {
    expect((await signUp(`g${n}@h.i`)).status).toBe(201)
    await server.prints(new RegExp(`, g${n}@h\\.i$`))
  }
  expect(await page()).toContain('Sign up')
  expect(server.output.match(/AFTERWORD_\w+/g)).toBe(null)
  await server.end()
})
