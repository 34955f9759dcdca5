import { knownMissing } from '../../tools/runtimes.ts'
import { startWorker } from '../support/worker.ts'
import { describeContract } from './adapter.ts'

const server = new URL('servers/workers.ts', import.meta.url)

// What a spinning task can't tell, and what closing a worker means, is left out; the rest is that of every other host.
const limits = { aborts: false, lateWrites: false, drain: false } as const

async function start(app: 'plain' | 'hono', control: string) {
  const worker = await startWorker(server, app, { bindings: { CONTROL: control } })
  return { url: String(await worker.ready), close: () => worker.dispose() }
}

if (!knownMissing.includes('Workers')) {
  describeContract('a fetch handler on Workers', { ...limits, httpErrors: false }, ({ control }) =>
    start('plain', control),
  )
  describeContract('hono on Workers', limits, ({ control }) => start('hono', control))
}
