import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { knownMissing, type Runtime, runtimes } from '../../tools/runtimes.ts'
import { afterResponse, asItShould, type Command, Example } from './example.ts'

const alsoSaved = ['saved a@b.c', ...afterResponse]

function command(example: string, runtime: Runtime): Command {
  const { executable, args } = runtimes[runtime]
  const server = fileURLToPath(new URL(`../../examples/${example}/server.ts`, import.meta.url))
  // A program that exports its handler is served by Deno.
  const serve = runtime === 'Deno' && example === 'fetch' ? ['serve', '--allow-all', '--port', '0'] : args
  return { executable, args: [...serve, server] }
}

const cases = [
  { example: 'express', on: ['Node 24'], lines: afterResponse },
  { example: 'koa', on: ['Node 24'], lines: afterResponse },
  { example: 'fastify', on: ['Node 24'], lines: afterResponse },
  { example: 'h3', on: ['Node 24', 'Bun', 'Deno'], lines: alsoSaved },
  { example: 'hono', on: ['Node 24', 'Bun', 'Deno'], lines: alsoSaved },
  { example: 'fetch', on: ['Bun', 'Deno'], lines: afterResponse },
] as const satisfies { example: string; on: Runtime[]; lines: string[] }[]

for (const { example, on, lines } of cases) {
  test.each(on.filter((runtime) => !(knownMissing as readonly Runtime[]).includes(runtime)))(
    `examples/${example} on %s`,
    async (runtime) => {
      await using server = await Example.start(command(example, runtime))
      expect(await server.visit()).toEqual(asItShould(lines))
    },
  )
}
