import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../examples/fleet/main.ts', import.meta.url))

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' }
  const all = ['--disable-warning=ExperimentalWarning', program, ...args]
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, all, { env })) }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

test.each(['pg-boss', 'bullmq'])(
  'the fleet on %s kills each of its processes and its server, and loses nothing',
  async (engine) => {
    const { code, stdout, stderr } = await run(engine)
    expect(stderr).toBe('')
    expect(stdout.match(/kill -9/g)).toHaveLength(5)
    expect(Number(/^answered +(\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(100)
    expect(stdout).toMatch(/^lost +0$/m)
    expect(code).toBe(0)
  },
  600_000,
)

test('without the name of an engine the fleet says which there are', async () => {
  const { code, stderr } = await run()
  expect(code).toBe(2)
  expect(stderr).toBe('Name the engine: npm run fleet -- pg-boss|bullmq\n')
})
