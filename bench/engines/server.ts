import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { configure, job, subscribe } from 'afterword'
import { type Payload, payload } from '../journal/payload.ts'
import { answer } from '../program.ts'
import type { Place } from './contender.ts'
import { engineOf } from './engine-option.ts'

// A web process: each request dispatches a job, and leaves it to the workers.

export interface WebStatus {
  readonly port: number
  readonly isAway: boolean
  /** Calls on their way to the engine. */
  readonly sending: number
}

const place = JSON.parse(process.argv[2] ?? '') as Place
const afterword = configure({ journal: place.folder, engine: engineOf(place), worker: false, signals: false })
const SendWelcome = job('send-welcome', (_mail: Payload) => {})
let failed: unknown
subscribe('report', ({ error }) => {
  if (!['AFTERWORD_ENGINE_AWAY', 'AFTERWORD_NO_WORKER'].includes(error.code)) failed ??= error
})

const server = createServer(async (_req, res) => {
  await SendWelcome.dispatch(payload())
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo

answer<unknown, WebStatus>(() => {
  if (failed !== undefined) throw failed
  const { engineAway, engineReached, sending } = afterword.status()
  return { port, isAway: engineAway > 0 || !engineReached, sending }
})
