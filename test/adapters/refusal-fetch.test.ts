import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { knownMissing, type Runtime, runtimes } from '../../tools/runtimes.ts'

const program = fileURLToPath(new URL('programs/refusal-fetch.ts', import.meta.url))
const wanted: readonly Runtime[] = ['Bun', 'Deno']

it.each(wanted.filter((runtime) => !knownMissing.includes(runtime)))(
  'a fetch handler on %s never answers a refused job with a success',
  async (runtime) => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-refusal-'))
    const { executable, args } = runtimes[runtime]
    // A limit on the size of files, whose signal is ignored: writes fail as on a full disk.
    const limit = `trap '' XFSZ; ulimit -f 400; exec "$0" "$@"`
    const child = spawn('sh', ['-c', limit, executable, ...args, program, folder])
    const [line] = await once(createInterface(child.stdout), 'line')
    const origin = `http://127.0.0.1:${String(line).split(' ')[1]}`
    for (const path of ['/whole', '/pieces']) {
      const { status, headers } = await fetch(origin + path)
      expect([status, headers.get('retry-after'), headers.get('x-done')]).toEqual([503, '1', null])
      expect(await (await fetch(`${origin}/kept`)).text()).toBe('kept')
    }
    const amid = await fetch(`${origin}/amid`)
    expect(amid.status).toBe(200)
    const reader = amid.body?.getReader()
    expect((await reader?.read())?.done).toBe(false)
    await (await fetch(`${origin}/go`)).text()
    await expect(reader?.read()).rejects.toThrow()
    expect(await (await fetch(`${origin}/kept`)).text()).toBe('kept')
    child.kill('SIGKILL')
    await once(child, 'close')
    rmSync(folder, { recursive: true })
  },
)
