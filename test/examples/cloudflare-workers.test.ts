import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type BuildResult, build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { beforeAll, expect, test } from 'vitest'

const folder = new URL('../../examples/cloudflare-workers/', import.meta.url)

/** The part of the configuration that the example has. */
interface Wrangler {
  readonly compatibility_date: string
  readonly compatibility_flags: string[]
  readonly queues: {
    readonly producers: { binding: string; queue: string }[]
    readonly consumers: { queue: string; max_batch_timeout: number; max_retries: number; dead_letter_queue: string }[]
  }
}

let bundle: BuildResult<{ write: false; metafile: true }>
/** The example as Wrangler bundles it, with the package as it is built. https://developers.cloudflare.com/workers/wrangler/bundling */
beforeAll(async () => {
  bundle = await build({
    entryPoints: [fileURLToPath(new URL('server.ts', folder))],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*', 'cloudflare:*'],
    write: false,
    metafile: true,
  })
})

test('examples/cloudflare-workers answers, and its jobs run after the response and in the consumer', async () => {
  const { compatibility_date, compatibility_flags, queues } = JSON.parse(
    readFileSync(new URL('wrangler.jsonc', folder), 'utf8'),
  ) as Wrangler
  const lines: string[] = []
  const { promise: haveRun, resolve } = Promise.withResolvers<void>()
  const miniflare = new Miniflare({
    modules: true,
    script: bundle.outputFiles[0]?.text ?? '',
    compatibilityDate: compatibility_date,
    compatibilityFlags: compatibility_flags,
    queueProducers: Object.fromEntries(queues.producers.map(({ binding, queue }) => [binding, queue])),
    queueConsumers: Object.fromEntries(
      queues.consumers.map((consumer) => [
        consumer.queue,
        {
          maxBatchTimeout: consumer.max_batch_timeout,
          maxRetries: consumer.max_retries,
          deadLetterQueue: consumer.dead_letter_queue,
        },
      ]),
    ),
    handleRuntimeStdio: (stdout: NodeJS.ReadableStream) => {
      createInterface(stdout).on('line', (line) => {
        lines.push(line)
        if (['track signup a@b.c', 'welcome a@b.c'].every((each) => lines.includes(each))) resolve()
      })
    },
  } as unknown as ConstructorParameters<typeof Miniflare>[0])
  try {
    const url = new URL('/signup', await miniflare.ready)
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ email: 'a@b.c' }) })
    expect([answer.status, await answer.json()]).toEqual([201, { email: 'a@b.c' }])
    await haveRun
  } finally {
    await miniflare.dispose()
  }
})

test('a Worker with the package has no journal and no other engine, and few modules of Node', () => {
  const [output] = Object.values(bundle.metafile.outputs)
  const modules = Object.keys(bundle.metafile.inputs)
  expect(
    modules.filter((path) => /\/dist\/(journal\/(client\/journal|server|files)|engines\/(pg-boss|bullmq))/.test(path)),
  ).toEqual([])
  const imported = (output?.imports ?? []).map(({ path }) => path)
  expect([...new Set(imported)].sort()).toEqual([
    'cloudflare:workers',
    'node:async_hooks',
    'node:diagnostics_channel',
    'node:events',
    'node:util',
  ])
  expect(output?.bytes).toBeLessThan(130_000)
})
