import { expect, test } from 'vitest'
import { defineEngine, type EngineClient, type EngineHost } from '../../src/engines/define-engine.ts'
import { Afterword } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

/** A client that keeps its contract, but for what a test gives it. */
function clientWith(faults: Partial<EngineClient>): EngineClient {
  return {
    open() {},
    add: async (calls) => calls.map(({ id }) => id),
    work() {},
    async close() {},
    ...faults,
  }
}

test('a client that answers with too few ids is told of, and no call is taken for added', async () => {
  const engine = defineEngine({ name: 'an engine', connect: () => clientWith({ add: async () => [] }) })
  await using afterword = new Afterword({ engine: engine({}), holdTimeout: 200, signals: false })
  using reports = new Reports()
  const refused = await afterword
    .job('send', () => {})
    .dispatch()
    .catch((error) => error)
  expect(refused).toMatchObject({ code: 'AFTERWORD_ENGINE_REFUSED' })
  expect(refused.message).toContain('the client has answered with 0 ids for 1 calls')
  expect(reports.all[0]?.error.message).toContain('wait for up to 200 ms, then they are refused')
})

test('a claim whose settle() rejects with nothing ends no process, and is told of', async () => {
  const host = Promise.withResolvers<EngineHost>()
  const known = Promise.withResolvers<void>()
  const work: EngineClient['work'] = ({ jobs }) => jobs.length > 0 && known.resolve()
  const engine = defineEngine({ name: 'an engine', connect: () => clientWith({ open: host.resolve, work }) })
  await using afterword = new Afterword({ engine: engine({}), signals: false })
  using reports = new Reports()
  afterword.job('send', () => {})
  const call = { id: crypto.randomUUID(), job: 'send', version: 1, args: '[]', options: undefined, attempt: 0 }
  await known.promise
  const told = reports.next
  const settle = () => Promise.reject(undefined)
  ;(await host.promise).take([{ ...call, expiresAt: undefined, crashes: 0, settle }])
  expect((await told).error.message).toContain("an engine can't be reached: no reason was given.")
})
