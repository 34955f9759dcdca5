import { createRequire } from 'node:module'
import { context, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Handlers } from './handlers.ts'

// Handlers on a server that OpenTelemetry traces. Arguments: the protocol, and whether the instrumentation is loaded `before` or `after` Afterword.
const [protocol, order] = process.argv.slice(2)

/** Tells which trace the code that runs now belongs to. */
function tellTrace(event: string, path: string): void {
  process.send?.({ type: 'trace', event, path, trace: trace.getActiveSpan()?.spanContext().traceId ?? null })
}

function instrument(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const processor = {
    onStart() {},
    onEnd(span: ReadableSpan) {
      const event = span.kind === SpanKind.SERVER ? 'span of the request' : 'span'
      process.send?.({ type: 'trace', event, path: span.attributes['url.path'], trace: span.spanContext().traceId })
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [processor] }))
  const instrumentation = new HttpInstrumentation()
  instrumentation.setTracerProvider(trace.getTracerProvider())
  // It changes the modules as they are required.
  const require = createRequire(import.meta.url)
  for (const name of ['http', 'https']) require(name)
}

if (order === 'before') instrument()
await import('../../../src/adapters/auto.ts')
if (order === 'after') instrument()
const { defer, subscribe } = await import('../../../src/index.ts')
const { createServer } = await import('../../support/servers.ts')
const { note, serve, witness } = await import('../../support/stage.ts')
subscribe('report', ({ task }) => tellTrace('report', String(task?.request?.path)))

const handlers: Handlers = {
  '/task': (req, res) => {
    defer(() => tellTrace('task', '/task'))
    witness(req)
    res.end('hello')
  },
  '/fails': (_req, res) => {
    defer(async () => {
      await new Promise(setImmediate)
      throw new Error('no luck')
    })
    res.end('hello')
  },
  '/spans': (_req, res) => {
    defer(() => {
      note('spans')
      // A span that is made after the response belongs to the trace of the request.
      trace
        .getTracer('app')
        .startSpan('mail', { attributes: { 'url.path': '/spans' } })
        .end()
    })
    res.end('hello')
  },
}

serve(
  createServer(protocol, (req, res) => {
    const path = String(req.url)
    tellTrace('handler', path)
    handlers[path]?.(req, res)
  }),
)
