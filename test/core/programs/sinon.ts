// Tests whose time Sinon stops, with its defaults: microtasks and process.nextTick included. A process of its own, as a test runner needs both itself.
import { deepStrictEqual } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Afterword, defer, instance } from 'afterword'
import { flush, runInline } from 'afterword/testing'
import sinon from 'sinon'

const folder = mkdtempSync(join(tmpdir(), 'afterword-sinon-'))
const stopTime = sinon.useFakeTimers
let clock = stopTime()

const ran: string[] = []
let attempts = 0
defer(() => ran.push('deferred'))
defer.with({ retries: 1, backoff: 5 })(() => {
  if (++attempts === 1) throw new Error('at first')
  ran.push('retried')
})
await flush()
deepStrictEqual(ran, ['deferred', 'retried'])

const { outcomes } = await runInline(() => defer(() => 7))
deepStrictEqual(outcomes, [{ status: 'done', value: 7 }])

const { outcome } = defer(() => 'ran')
clock.restore()
deepStrictEqual(await outcome, { status: 'done', value: 'ran' })

const afterword = new Afterword({ journal: folder })
clock = stopTime()
const kept: string[] = []
const Job = afterword.job('job', (name: string) => void kept.push(name), { rate: { runs: 1, per: 5 } })
await Job.defer('deferred').outcome
await Job.with({ delay: 5 }).dispatch('delayed')
await afterword.drain()
clock.restore()
await Job.defer('after it').outcome
while (kept.length < 3) await new Promise((resolve) => setImmediate(resolve))
deepStrictEqual(kept.sort(), ['after it', 'deferred', 'delayed'])

await afterword.close()
await instance().close()
rmSync(folder, { recursive: true })
console.log('fine')
