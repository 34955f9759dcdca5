import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { context, metrics as metricsApi, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { bullmq } from '../../src/engines/bullmq.ts'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword } from '../../src/index.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { openTelemetry } from '../../src/observe/opentelemetry.ts'
import { freshSchema } from '../engines/boss.ts'
import { freshPrefix } from '../engines/bull.ts'
import { serve } from '../support/local-site.ts'
import { testPostgres } from '../support/postgres.ts'
import { testRedis } from '../support/redis.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

const exporter = new InMemorySpanExporter()
const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 })
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
  metricsApi.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
})
afterAll(() => reader.shutdown())
beforeEach(() => exporter.reset())

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-opentelemetry-'))
  return () => rmSync(folder, { recursive: true })
})

/** The span of that name that has ended. */
function spanOf(name: string): ReadableSpan {
  const spans = exporter.getFinishedSpans().filter((span) => span.name === name)
  expect(spans.map((span) => span.name)).toEqual([name])
  return spans[0] as ReadableSpan
}

const linksOf = ({ links }: ReadableSpan) => links.map(({ context }) => context.spanId)

test('openTelemetry(): a task has an INTERNAL span of a trace of its own, linked to the span of its request', async () => {
  await using afterword = new Afterword()
  const end = openTelemetry({}, afterword)
  const tracer = trace.getTracer('app')
  await using site = await serve(afterword, (_req, res) =>
    tracer.startActiveSpan('request', (span) => {
      afterword.defer(async function save() {
        await new Promise(setImmediate)
        tracer.startSpan('query').end()
      })
      res.end()
      span.end()
    }),
  )
  await site.get('/orders')
  await afterword.drain()
  end()
  const [request, save, query] = ['request', 'save', 'query'].map(spanOf) as [ReadableSpan, ReadableSpan, ReadableSpan]
  expect(save.kind).toBe(SpanKind.INTERNAL)
  expect(save.parentSpanContext).toBeUndefined()
  expect(linksOf(save)).toEqual([request.spanContext().spanId])
  expect(save.spanContext().traceId).not.toBe(request.spanContext().traceId)
  expect(query.parentSpanContext?.spanId).toBe(save.spanContext().spanId)
  expect(save.attributes).toMatchObject({
    'afterword.task.attempt': 1,
    'http.request.method': 'GET',
    'url.path': '/orders',
  })
})

test('openTelemetry(): each attempt has a span, and that of one that failed has its error', async () => {
  await using afterword = new Afterword()
  using _reports = new Reports()
  const end = openTelemetry({}, afterword)
  let attempts = 0
  await afterword.defer.with({ retries: 3, backoff: 0 })(async function flaky() {
    if (++attempts < 2) throw new TypeError('no luck')
    if (attempts < 3) throw 'a text'
    if (attempts < 4) throw Object.create(null)
  }).outcome
  end()
  const spans = exporter.getFinishedSpans()
  expect(spans.map(({ attributes }) => attributes['afterword.task.attempt'])).toEqual([1, 2, 3, 4])
  expect(spans.map(({ status }) => status.code)).toEqual([
    SpanStatusCode.ERROR,
    SpanStatusCode.ERROR,
    SpanStatusCode.ERROR,
    SpanStatusCode.UNSET,
  ])
  expect(spans[0]?.attributes['error.type']).toBe('TypeError')
  expect(spans[0]?.events).toMatchObject([{ name: 'exception' }])
})

test('openTelemetry(): a kept job has a PRODUCER span in the request, and a CONSUMER span that is linked to it', async () => {
  await using afterword = new Afterword({ journal: folder })
  const end = openTelemetry({}, afterword)
  const Send = afterword.job('send-welcome', (_to: string) => {})
  let id = ''
  await using site = await serve(afterword, (_req, res) =>
    trace.getTracer('app').startActiveSpan('request', (span) => {
      id = Send.defer('ada@example.com').id
      res.end()
      span.end()
    }),
  )
  await site.get()
  await afterword.drain()
  end()
  const [request, send, run] = ['request', 'send send-welcome', 'process send-welcome'].map(spanOf) as ReadableSpan[]
  expect(send?.kind).toBe(SpanKind.PRODUCER)
  expect(send?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  expect(run?.kind).toBe(SpanKind.CONSUMER)
  expect(linksOf(run as ReadableSpan)).toEqual([send?.spanContext().spanId])
  const messaging = {
    'messaging.system': 'afterword',
    'messaging.destination.name': 'send-welcome',
    'messaging.message.id': id,
  }
  expect(send?.attributes).toMatchObject({ ...messaging, 'messaging.operation.name': 'send' })
  expect(run?.attributes).toMatchObject({ ...messaging, 'messaging.operation.type': 'process' })
})

test('openTelemetry(): calls are traced on where a second one has ended', async () => {
  await using afterword = new Afterword({ journal: folder })
  const end = openTelemetry({}, afterword)
  openTelemetry({}, afterword)()
  await afterword.job('send-welcome', () => {}).dispatch()
  await afterword.drain()
  end()
  expect(spanOf('send send-welcome').kind).toBe(SpanKind.PRODUCER)
})

test('openTelemetry(): the trace context is stored with the record, and no baggage; the run in another process is linked to the call', async () => {
  {
    await using caller = new Afterword({ journal: folder, worker: false })
    const end = openTelemetry({}, caller)
    const baggage = propagation.createBaggage({ secret: { value: 'hush' } })
    await context.with(propagation.setBaggage(context.active(), baggage), () =>
      caller
        .job('mail', (_n: number) => {})
        .with({ timeout: 5000 })
        .dispatch(1),
    )
    end()
  }
  const { traceId, spanId } = spanOf('send mail').spanContext()
  {
    await using inspector = new Inspector(folder)
    for await (const page of inspector.records()) {
      expect(page.map(({ options }) => options)).toEqual([expect.stringContaining(`00-${traceId}-${spanId}-01`)])
      expect(JSON.stringify(page)).not.toContain('hush')
    }
  }
  await using worker = new Afterword({ journal: folder })
  const end = openTelemetry({}, worker)
  const ran = Promise.withResolvers<number>()
  worker.job('mail', (n: number) => ran.resolve(n))
  worker.work()
  expect(await ran.promise).toBe(1)
  await worker.drain()
  end()
  const run = spanOf('process mail')
  expect(run.links).toMatchObject([{ context: { traceId, spanId, isRemote: true } }])
})

test.each([
  ['pg-boss', async () => onPostgres()],
  ['BullMQ', async () => onRedis()],
] as const)(
  'openTelemetry(): the trace context goes through %s, which makes no span of its own',
  async (_name, open) => {
    await using server = await open()
    await using afterword = new Afterword({ engine: server.engine, signals: false })
    const end = openTelemetry({}, afterword)
    const ran = Promise.withResolvers<number>()
    const Mail = afterword.job('mail', (n: number) => ran.resolve(n))
    await Mail.dispatch(1)
    expect(await ran.promise).toBe(1)
    await afterword.drain()
    end()
    expectLinked()
  },
)

test('openTelemetry(): a call in a transaction has a PRODUCER span, to which its run is linked', async () => {
  await using server = await onPostgres()
  await using afterword = new Afterword({ engine: server.engine, signals: false })
  const end = openTelemetry({}, afterword)
  const ran = Promise.withResolvers<number>()
  const Mail = afterword.job('mail', (n: number) => ran.resolve(n))
  const client = new pg.Client(server.url)
  await client.connect()
  await client.query('BEGIN')
  const id = await Mail.with({ tx: client }).dispatch(1)
  await client.query('COMMIT')
  await client.end()
  expect(await ran.promise).toBe(1)
  await afterword.drain()
  expectLinked()
  expect(spanOf('send mail').attributes['messaging.message.id']).toBe(id)
  exporter.reset()
  await expect(Mail.with({ tx: {} } as never).dispatch(2)).rejects.toThrow()
  end()
  expect(spanOf('send mail').status.code).toBe(SpanStatusCode.ERROR)
})

async function onPostgres() {
  const postgres = await testPostgres()
  const engine = pgBoss({ connectionString: postgres.url, schema: freshSchema() })
  return { ...postgres, engine }
}

async function onRedis() {
  const redis = await testRedis()
  const engine = bullmq({ connection: redis.url, prefix: freshPrefix() })
  return { ...redis, engine }
}

/** Expects one span of a call, and one of its run, which is linked to it. */
function expectLinked(): void {
  const [send, run] = [spanOf('send mail'), spanOf('process mail')]
  expect([send.kind, run.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER])
  const { traceId, spanId } = send.spanContext()
  expect(run.links).toMatchObject([{ context: { traceId, spanId, isRemote: true } }])
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['send mail', 'process mail'])
}

test('openTelemetry(): a record that was stored without a trace context runs, and its calls are not changed', async () => {
  await using afterword = new Afterword({ journal: folder })
  const first = afterword.job('plain', () => {})
  await first.defer().outcome
  const end = openTelemetry({}, afterword)
  end()
  await first.defer().outcome
  expect(exporter.getFinishedSpans()).toEqual([])
})

test('openTelemetry(): the metrics are histograms of waits and runs, and gauges of the status', async () => {
  await using afterword = new Afterword()
  const end = openTelemetry({}, afterword)
  const turns = new Turns()
  const Send = afterword.job('send', (name: string) => turns.take(name), { concurrency: 1 })
  await afterword.job('done', () => {}).defer().outcome
  Send.defer('first')
  Send.defer('second')
  await turns.taken('first')
  metricExporter.reset()
  await reader.forceFlush()
  const exported = metricExporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
  const pointsOf = (name: string) =>
    exported
      .find(({ descriptor }) => descriptor.name === name)
      ?.dataPoints.map(({ attributes, value }) => [attributes, value])
  expect(pointsOf('afterword.tasks')).toContainEqual([{ task: 'send', state: 'due' }, 1])
  expect(pointsOf('afterword.tasks')).toContainEqual([{ task: 'send', state: 'running' }, 1])
  expect(pointsOf('afterword.outcomes')).toContainEqual([{ outcome: 'done' }, 1])
  const once = expect.objectContaining({ count: 1 })
  expect(pointsOf('afterword.run')).toContainEqual([{ task: 'done', outcome: 'done' }, once])
  expect(pointsOf('afterword.wait')).toContainEqual([{ task: 'done' }, once])
  expect(exported.find(({ descriptor }) => descriptor.name === 'afterword.wait')?.descriptor.unit).toBe('s')
  end()
  for (const name of ['first', 'second']) {
    await turns.taken(name)
    turns.end(name)
  }
})

test('openTelemetry(): names that are made of arguments are counted as (other) beyond the first 500', async () => {
  await using afterword = new Afterword()
  const end = openTelemetry({}, afterword)
  for (let user = 0; user < 600; user++) afterword.defer.with({ name: `mail of ${user}` })(() => {})
  await afterword.drain()
  metricExporter.reset()
  await reader.forceFlush()
  end()
  const metrics = metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((of) => of.metrics))
  for (const name of ['afterword.wait', 'afterword.run']) {
    const points = metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
    const mails = points.filter(({ attributes }) => String(attributes.task).startsWith('mail of '))
    const others = points.filter(({ attributes }) => attributes.task === '(other)')
    expect(mails).toHaveLength(500)
    expect(others).toMatchObject([{ value: { count: 100 } }])
  }
})

interface ToldSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly trace: string
  readonly links: readonly string[]
  readonly start: number
  readonly end: number
}

test.each(['before', 'after'])(
  'openTelemetry() beside the instrumentations of HTTP and Express, loaded %s Afterword: the span of the request ends before that of its task begins',
  async (order) => {
    const program = fileURLToPath(new URL('programs/express.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', program, order])
    const spans = JSON.parse(stdout) as ToldSpan[]
    const server = spans.find(({ kind }) => kind === SpanKind.SERVER)
    const task = spans.filter(({ name }) => name === 'saveOrder')
    expect(server?.name).toBe('GET /orders/:id')
    expect(task).toMatchObject([{ kind: SpanKind.INTERNAL, links: [server?.trace] }])
    expect(task[0]?.trace).not.toBe(server?.trace)
    expect(server?.end).toBeLessThanOrEqual(task[0]?.start as number)
  },
)
