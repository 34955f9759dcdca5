import {
  type Attributes,
  context,
  type Link,
  metrics as metricsApi,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Afterword } from '../afterword.ts'
import { clock } from '../clock.ts'
import { errorText } from '../error-text.ts'
import { instance } from '../instance.ts'
import type { MetricsOptions } from '../options/metrics-options.ts'
import type { RunResult } from '../schedule/run-hooks.ts'
import type { CallTracer, JobRecord } from '../task/record.ts'
import type { CurrentTask, Task } from '../task/task.ts'
import { version } from '../version.ts'
import { Instruments } from './instruments.ts'
import { Readings } from './reading.ts'

/** The system of the messages, in the semantic conventions for messaging 1.45 (their stability is Development). */
const system = 'afterword'

/**
 * Traces the tasks and jobs of an instance, and offers its metrics to OpenTelemetry, until the returned function is called. The providers are those that
 * the app has registered with `@opentelemetry/api`.
 *
 * Each run has a span of its own, linked to the span of the request, which it never stretches. A call of a job that is kept has a span `send`, and its
 * run a span `process`, in whichever process.
 *
 * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * sdk.start() // the NodeSDK of the app
 * openTelemetry()
 */
export function openTelemetry(options: MetricsOptions = {}, of: Afterword = instance()): () => void {
  const readings = new Readings(options, of)
  const instruments = new Instruments(metricsApi.getMeter('afterword', version), readings)
  const spans = new Spans(trace.getTracer('afterword', version), instruments)
  const end = of.around((run, task) => spans.run(run, task as Task), spans)
  return () => {
    end()
    instruments.close()
    readings.close()
  }
}

/** Makes the spans of calls and runs. */
class Spans implements CallTracer {
  readonly #tracer: Tracer
  readonly #instruments: Instruments
  /** The contexts of the calls whose records are in the memory of this process. */
  readonly #calls = new WeakMap<JobRecord, SpanContext>()

  constructor(tracer: Tracer, instruments: Instruments) {
    this.#tracer = tracer
    this.#instruments = instruments
  }

  call(job: string, create: (trace: string | undefined) => JobRecord): JobRecord {
    const span = this.#producerSpan(job)
    try {
      const spanContext = span.spanContext()
      const record = create(traceparentOf(spanContext))
      this.#calls.set(record, spanContext)
      span.setAttribute('messaging.message.id', record.id)
      return record
    } catch (error) {
      fail(span, error)
      throw error
    } finally {
      span.end()
    }
  }

  async enqueue(job: string, add: (trace: string | undefined) => Promise<string>): Promise<string> {
    const span = this.#producerSpan(job)
    try {
      const id = await add(traceparentOf(span.spanContext()))
      span.setAttribute('messaging.message.id', id)
      return id
    } catch (error) {
      fail(span, error)
      throw error
    } finally {
      span.end()
    }
  }

  #producerSpan(job: string): Span {
    const attributes = messagingOf(job, 'send')
    return this.#tracer.startSpan(`send ${job}`, { kind: SpanKind.PRODUCER, attributes })
  }

  run(run: () => RunResult, task: Task): RunResult | Promise<RunResult> {
    const began = clock.now()
    const wait = Math.max(0, began - (task.dueSince ?? task.scope.since))
    const span = this.#spanOf(task)
    const end = (error?: readonly [unknown]) => {
      if (error !== undefined) fail(span, error[0])
      span.end()
      this.#instruments.ran(task, wait, clock.now() - began, error !== undefined)
    }
    let result: RunResult
    try {
      result = context.with(trace.setSpan(context.active(), span), run)
    } catch (error) {
      end([error])
      throw error
    }
    if (!(result instanceof Promise)) {
      end()
      return result
    }
    return result.then(
      (value) => {
        end()
        return value
      },
      (error: unknown) => {
        end([error])
        throw error
      },
    )
  }

  /** Begins a trace for the run: a child of the span of the request would stretch the trace of that. */
  #spanOf(task: Task): Span {
    const { record, name, countedAs, attempt, id } = task
    const own = { 'afterword.task.name': name, 'afterword.task.attempt': attempt, ...requestOf(task) }
    const request = trace.getSpanContext(context.active())
    if (record === undefined) {
      const attributes = { ...own, 'afterword.task.id': id }
      return this.#tracer.startSpan(
        name,
        { kind: SpanKind.INTERNAL, attributes, links: linksTo(request) },
        ROOT_CONTEXT,
      )
    }
    const call = this.#calls.get(record) ?? contextOf(task.definition.settings.trace)
    const attributes = { ...own, ...messagingOf(countedAs, 'process'), 'messaging.message.id': id }
    const options = { kind: SpanKind.CONSUMER, attributes, links: linksTo(call ?? request) }
    return this.#tracer.startSpan(`process ${countedAs}`, options, ROOT_CONTEXT)
  }
}

function messagingOf(job: string, operation: 'send' | 'process'): Attributes {
  return {
    'messaging.system': system,
    'messaging.destination.name': job,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
  }
}

function requestOf({ request }: CurrentTask): Attributes {
  return request === undefined ? {} : { 'http.request.method': request.method, 'url.path': request.path }
}

function linksTo(to: SpanContext | undefined): Link[] {
  return to === undefined ? [] : [{ context: to }]
}

function fail(span: Span, error: unknown): void {
  span.recordException(error instanceof Error ? error : errorText(error))
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error)
  span.setStatus({ code: SpanStatusCode.ERROR, ...(error instanceof Error && { message: error.message }) })
}

/** Writes the context of a span as `traceparent`: https://www.w3.org/TR/trace-context/#traceparent-header. Baggage is never stored: it may hold secrets. */
function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string | undefined {
  if (/^0+$/.test(traceId)) return undefined
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`
}

function contextOf(traceparent: string | undefined): SpanContext | undefined {
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '')
  if (parts === null) return undefined
  const [, traceId = '', spanId = '', flags = ''] = parts
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
}
