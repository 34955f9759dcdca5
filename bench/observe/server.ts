import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { serve } from '../load/server.ts'
import { canPin } from '../program.ts'

/** The interval in ms at which numbers are read. */
const interval = 10_000
/** The number of open pages. */
const pages = 10

const noop = () => {}

type Defer = typeof import('afterword').defer

const answerWith =
  (defer: Defer): RequestListener =>
  (_req, res) => {
    defer(noop)
    res.setHeader('content-type', 'application/json')
    res.end('{"ok":true}')
  }

// Loaded as an application would: nothing that the variant does not use.
const servers: Record<string, () => Promise<Server>> = {
  before: () => built(process.env.BEFORE),
  'before-again': () => built(process.env.BEFORE),
  today: () => built(process.env.TODAY),
  quiet: deferring,
  metrics: async () => {
    const { instance } = await import('afterword')
    const metrics = instance().metrics()
    setInterval(() => metrics.read(), interval)
    return deferring()
  },
  prometheus: async () => {
    const { prometheus } = await import('afterword/prometheus')
    const metrics = prometheus()
    setInterval(() => void metrics.text(), interval)
    return deferring()
  },
  mounted,
  pages: async () => {
    const server = await mounted()
    void once(server, 'listening').then(() => openPages((server.address() as AddressInfo).port))
    return server
  },
  sdk: async () => {
    await instrument()
    return deferring()
  },
  spans: async () => {
    await instrument()
    const { openTelemetry } = await import('afterword/opentelemetry')
    openTelemetry()
    return deferring()
  },
}

async function deferring(): Promise<Server> {
  const [{ defer }, { attach }] = await Promise.all([import('afterword'), import('afterword/node-http')])
  const server = createServer(answerWith(defer))
  attach(server)
  return server
}

/** The server of a build, whose folder the part names. */
async function built(folder = ''): Promise<Server> {
  const { defer } = await import(`${folder}/src/index.js`)
  const { attach } = await import(`${folder}/src/adapters/node-http.js`)
  const server = createServer(answerWith(defer))
  attach(server)
  return server
}

async function mounted(): Promise<Server> {
  const [{ dashboard }, { defer }, { attach }] = await Promise.all([
    import('afterword/dashboard'),
    import('afterword'),
    import('afterword/node-http'),
  ])
  const handler = dashboard()
  const answer = answerWith(defer)
  const server = createServer((req, res) =>
    req.url?.startsWith('/afterword') ? void handler(req, res) : answer(req, res),
  )
  attach(server)
  return server
}

/** Opens pages from a process of its own, on the core of the client. */
function openPages(port: number): void {
  const pin = canPin ? { execPath: 'taskset', execArgv: ['-c', '1', process.execPath] } : {}
  fork(new URL('pages.ts', import.meta.url), [String(port), String(pages)], pin)
}

/** Traces as an app does, and gives every span to an exporter that drops it. */
async function instrument(): Promise<void> {
  const [
    { context, trace },
    { AsyncLocalStorageContextManager },
    { HttpInstrumentation },
    { BatchSpanProcessor, TracerProvider },
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/instrumentation-http'),
    import('@opentelemetry/sdk-trace'),
  ])
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    shutdown: async () => {},
  }
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] }))
  new HttpInstrumentation().setTracerProvider(trace.getTracerProvider())
  // The instrumentation changes the module as it is required.
  createRequire(import.meta.url)('node:http')
}

await serve(await servers[process.argv[2] ?? '']?.())
