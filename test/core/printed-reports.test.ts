import { beforeAll, describe, expect, test } from 'vitest'
import { nodes } from '../../tools/nodes.ts'
import { Program } from '../support/program.ts'

const versions = Object.keys(nodes).map(Number) as (keyof typeof nodes)[]

describe.each(versions)('reports that are printed, on Node %s', (node) => {
  let program: Program
  let lines: string[]
  beforeAll(async () => {
    program = new Program(new URL('programs/printed-reports.ts', import.meta.url), { node })
    expect(await program.exited).toEqual({ code: 0, signal: null })
    lines = program.stderr.split('\n')
  })

  test('a task that throws what can not be read fails, and nothing reaches uncaughtException', () => {
    expect(program.stdout).toBe(`${JSON.stringify(new Array(9 * 4).fill('failed'))}\n`)
    for (const name of ['stack-symbol', 'stack-throws', 'proxy-throws']) {
      expect(program.stderr).toMatch(new RegExp(`^AFTERWORD_TASK_FAILED: The task "${name}"`, 'm'))
      expect(program.stderr).toMatch(new RegExp(`^AFTERWORD_BATCH_FAILED: The batch "batch-${name}"`, 'm'))
    }
  })

  test('control characters are escaped, and a name makes no line of its own', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(program.stderr).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
    expect(program.stderr).toContain('The task "name \\x1b[2J\\x1b]0;pwned\\x07\\r\\x9b2K\\nfake line" (')
    expect(program.stderr).toContain('Error: message \\x1b[2J')
    expect(lines).toContainEqual(expect.stringMatching(/^AFTERWORD_TASK_FAILED: .* \\x1b\[2J\\x1b\]0;pwned/))
    expect(lines.filter((line) => line.startsWith('fake line'))).toEqual([])
  })

  test('a task that fails 2,000 times is printed a few times, then its number; frames of the library are left out', () => {
    const printed = lines.filter((line) => /^AFTERWORD_TASK_FAILED: The task "often"/.test(line))
    expect(printed).toHaveLength(5)
    const rest = program.stderr.slice(program.stderr.indexOf(printed[0] as string))
    expect(rest).toContain('AFTERWORD_TASK_FAILED of "often": 1995 more of these were left out.')
    expect(rest).toContain("code: 'E_OFTEN'")
    const frames = rest.split('\n').filter((line) => /^\s+at /.test(line))
    expect(frames).toHaveLength(5)
    for (const frame of frames) expect(frame).toMatch(/^\s+at often \(.*printed-reports\.ts:\d+:\d+\)( \{)?$/)
  })
})
