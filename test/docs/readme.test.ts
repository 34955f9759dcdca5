import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
const [first = ''] = readme.match(/(?<=```ts\n).*?(?=```)/s) ?? []

/** The definitions that the first block of the README takes for given. */
const prelude = `
  import http from 'node:http'
  const log = (...line) => console.log(...line)
  globalThis.mailer = { sendMail: ({ to, subject }) => log('mail', to, subject) }
  globalThis.track = (event, id) => log('track', event, id)
  globalThis.users = { create: async () => ({ id: 7, email: 'a@b.c' }) }
  const { listen } = http.Server.prototype
  http.Server.prototype.listen = function () {
    return listen.call(this, 0, async () => {
      const answer = await fetch('http://127.0.0.1:' + this.address().port + '/signup', { method: 'POST' })
      log('answered', answer.status, await answer.text())
      process.kill(process.pid, 'SIGTERM')
    })
  }
`

describe('the first screen of the README', () => {
  it('does what it says', async () => {
    const program = spawn(process.execPath, ['--input-type=module-typescript', '--eval', `${prelude}\n${first}`], {
      cwd: root,
    })
    let output = ''
    program.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    program.stderr.setEncoding('utf8').on('data', (text) => (output += text))
    const [code] = await once(program, 'close')
    // A busy machine may interrupt any task for a while.
    const lines = output.split('\n').filter((line) => line !== '' && !line.startsWith('AFTERWORD_SLOW_TASK: '))
    expect(lines.sort()).toEqual(['answered 201 {"id":7,"email":"a@b.c"}', 'mail a@b.c Welcome!', 'track signup 7'])
    expect(code).toBe(0)
  })

  it('shows the two commands', () => {
    expect(readme).toContain('```sh\nnpm ci --prefix examples/signup && npm start\n```')
    expect(readme).toContain('```sh\nnpm ci && npm test\n```')
  })
})
