import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { nodes } from '../../tools/nodes.ts'
import { asItShould, Example } from './example.ts'
import { NestProject } from './nest-project.ts'

const everyNode = [22, 24, 26] as const

test.each(everyNode)('a CommonJS program requires afterword: Node %i', async (node) => {
  const program = fileURLToPath(new URL('programs/commonjs.cjs', import.meta.url))
  await using server = await Example.start({ executable: nodes[node], args: [program] })
  expect(await server.visit()).toEqual(asItShould())
})

describe('examples/nest, compiled to CommonJS', () => {
  let project: NestProject
  beforeAll(async () => {
    project = await NestProject.make()
  })
  afterAll(() => project[Symbol.asyncDispose]())

  it.each(['nodenext', 'node20'])('compiles with "module": "%s"', async (module) => {
    expect(await project.compile('--module', module)).toBe('')
  })

  // TypeScript knows of require() of an ES module from "node20" on, which Nest 12 asks for. This package has types for both formats.
  it.each(['node16', 'node18'])('does not compile with "module": "%s", as the page says', async (module) => {
    const messages = await project.compile('--module', module, '--noEmit')
    expect(messages).toMatch(/error TS1479: .*"@nestjs\/common"/)
    expect(messages).not.toContain('"afterword')
    expect(messages).not.toMatch(/error TS(?!1479)/)
  })

  it.each(everyNode)('runs on Node %i', async (node) => {
    expect(await project.compile()).toBe('')
    await using server = await Example.start({ executable: nodes[node], args: [project.program] })
    expect(await server.visit()).toEqual(asItShould())
  })
})
