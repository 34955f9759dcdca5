import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { bullmq } from '../../../src/engines/bullmq.ts'
import { pgBoss } from '../../../src/engines/pg-boss.ts'
import { configure, currentTask, instance, job, subscribe } from '../../../src/index.ts'

/** The settings of a release of an app with a journal: with an engine behind it, or without. */
export interface WebSettings {
  readonly folder: string
  readonly engine?: { readonly name: 'pg-boss' | 'bullmq'; readonly url: string } | undefined
}

const { folder, engine }: WebSettings = JSON.parse(process.argv[2] as string)

configure({
  journal: folder,
  worker: { concurrency: 8 },
  ...(engine && {
    engine: engine.name === 'pg-boss' ? pgBoss({ connectionString: engine.url }) : bullmq({ connection: engine.url }),
  }),
})
subscribe('report', ({ error }) => process.send?.({ type: 'report', code: error.code }))

const Note = job('note', async (call: string) => {
  // Runs take their time, so that some wait and some run when the process ends.
  await new Promise((resolve) => setTimeout(resolve, 5))
  process.send?.({ type: 'ran', call, id: currentTask()?.id })
})
const Here = job('here', (call: string) => process.send?.({ type: 'ran', call, id: currentTask()?.id }))

const server = createServer(async (req, res) => {
  const call = (req.url ?? '').slice(1)
  Here.defer(`here ${call}`)
  res.end(await Note.dispatch(`note ${call}`))
})
attach(server)
server.listen(0, '127.0.0.1', () => process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port }))
process.on('message', ({ type }: { type: string }) => {
  if (type === 'status') process.send?.({ type: 'status', ...instance().status() })
})
