import { once } from 'node:events'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { ExpressInstrumentation } from '@opentelemetry/instrumentation-express'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

// An app of Express that OpenTelemetry traces, which asks itself once and prints its spans. Argument: the instrumentations are loaded `before` or `after`
// Afterword.
const order = process.argv[2]
const require = createRequire(import.meta.url)
const exporter = new InMemorySpanExporter()

function instrument(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
  for (const instrumentation of [new HttpInstrumentation(), new ExpressInstrumentation()]) {
    instrumentation.setTracerProvider(trace.getTracerProvider())
  }
  // They change the modules as these are required.
  for (const name of ['http', 'https', 'express']) require(name)
}

if (order === 'before') instrument()
const { afterword } = await import('../../../src/adapters/express.ts')
const { openTelemetry } = await import('../../../src/observe/opentelemetry.ts')
const { defer, instance } = await import('../../../src/index.ts')
if (order === 'after') instrument()

const end = openTelemetry()
const app = (require('express') as typeof import('express'))()
app.use(afterword())
app.get('/orders/:id', (_req, res) => {
  defer(async function saveOrder() {
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
  res.send('answered')
})
const server: Server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/orders/7`)).text()
await instance().drain()
end()
server.close()
const micros = ([seconds, nanos]: [number, number]) => seconds * 1e6 + nanos / 1e3
const spans = exporter.getFinishedSpans().map((span) => ({
  name: span.name,
  kind: span.kind,
  trace: span.spanContext().traceId,
  links: span.links.map(({ context }) => context.traceId),
  start: micros(span.startTime),
  end: micros(span.endTime),
}))
process.stdout.write(`${JSON.stringify(spans)}\n`)
