import { fileURLToPath } from 'node:url'
import { Miniflare } from 'miniflare'
import { rolldown } from 'rolldown'
import { knownMissing } from '../../tools/runtimes.ts'
import { describeContract } from './adapter.ts'

// What a spinning task can't tell, and what closing a worker means, is left out; the rest is that of every other host.
const limits = { aborts: false, lateWrites: false, drain: false } as const

async function start(app: 'plain' | 'hono', control: string) {
  const worker = new Miniflare({
    modules: true,
    script: await bundle(app),
    compatibilityDate: '2026-07-01',
    compatibilityFlags: ['nodejs_compat'],
    bindings: { CONTROL: control },
    handleRuntimeStdio: () => {},
  })
  return { url: String(await worker.ready), close: () => worker.dispose() }
}

async function bundle(app: string): Promise<string> {
  const server = fileURLToPath(new URL('servers/workers.ts', import.meta.url))
  const build = await rolldown({
    input: 'entry',
    external: /^node:/,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? id : null),
        load: (id) => (id === 'entry' ? `export { ${app} as default } from ${JSON.stringify(server)}` : null),
      },
    ],
  })
  const { output } = await build.generate({ format: 'esm' })
  return output[0].code
}

if (!knownMissing.includes('Workers')) {
  describeContract('a fetch handler on Workers', { ...limits, httpErrors: false }, ({ control }) =>
    start('plain', control),
  )
  describeContract('hono on Workers', limits, ({ control }) => start('hono', control))
}
