import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Afterword } from '../afterword.ts'
import type { MetricsOptions } from '../options/metrics-options.ts'
import { type Family, families, type Sample } from './families.ts'
import { type Reading, Readings } from './reading.ts'

/**
 * A registry of prom-client, by the part that is used.
 *
 * @example
 * const registry: PrometheusRegistry = register // of prom-client
 */
export interface PrometheusRegistry {
  registerMetric(metric: never): void
  removeSingleMetric(name: string): void
}

/** A family as a registry of prom-client asks for it. */
interface RegisteredMetric {
  /** A registry in the format of OpenMetrics shortens the names of counters. */
  name: string
  readonly help: string
  readonly type: Family['type']
  readonly aggregator: Family['aggregator']
  get(): Promise<Omit<RegisteredMetric, 'get' | 'reset'> & { readonly values: readonly Sample[] }>
  reset(): void
}

const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Offers the metrics of the process-wide instance to Prometheus, or those of another one, from now until `close()`.
 *
 * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * const metrics = prometheus()
 * app.get('/metrics', metrics.handler) // Express, or node:http
 */
export function prometheus(options: MetricsOptions = {}, of?: Afterword): PrometheusMetrics {
  return new PrometheusMetrics(new Readings(options, of))
}

/**
 * The metrics of an instance in the text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * @example
 * const metrics: PrometheusMetrics = prometheus({ loopDelay: true })
 * fastify.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
 */
export class PrometheusMetrics implements Disposable {
  /** The `content-type` of the text. */
  readonly contentType: string = contentType
  readonly #readings: Readings
  /** Functions that remove the metrics from a registry. */
  readonly #registrations = new Set<() => void>()

  /** @internal */
  constructor(readings: Readings) {
    this.#readings = readings
  }

  /** Writes all metrics as they are now. @throws AfterwordError `AFTERWORD_METRICS_CLOSED` */
  async text(): Promise<string> {
    const reading = await this.#readings.read()
    return families.map((family) => textOf(family, reading)).join('')
  }

  /** Answers a request of a Node server with the text. */
  readonly handler = (_req: IncomingMessage, res: ServerResponse): void => {
    this.text().then(
      (text) => res.writeHead(200, { 'content-type': contentType }).end(text),
      (error: unknown) => res.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(error)}\n`),
    )
  }

  /** Answers a request of a fetch handler with the text: Hono, h3, Bun, Deno. */
  readonly fetch = async (): Promise<Response> => {
    return new Response(await this.text(), { headers: { 'content-type': contentType } })
  }

  /**
   * Adds all metrics to a registry of prom-client, beside those of the app. The registry reads them when it is read.
   * @returns a function that removes them
   */
  register(registry: PrometheusRegistry): () => void {
    const metrics = families.map((family) => this.#registered(family))
    const names = metrics.map(({ name }) => name)
    for (const metric of metrics) registry.registerMetric(metric as never)
    const remove = () => {
      if (!this.#registrations.delete(remove)) return
      for (const name of names) registry.removeSingleMetric(name)
    }
    this.#registrations.add(remove)
    return remove
  }

  #registered({ name, help, type, aggregator, samples }: Family): RegisteredMetric {
    const metric: RegisteredMetric = {
      name,
      help,
      type,
      aggregator,
      get: async () => {
        const values = samples(await this.#readings.read())
        return { name: metric.name, help, type, aggregator, values }
      },
      // The numbers are those of the instance.
      reset() {},
    }
    return metric
  }

  /** Ends the measuring, unless others read, and removes the metrics from the registries that have them. */
  close(): void {
    for (const remove of [...this.#registrations]) remove()
    this.#readings.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function textOf({ name, help, type, samples }: Family, reading: Reading): string {
  const lines = samples(reading).map(
    ({ metricName = name, labels, value }) => `${metricName}${labelsOf(labels)} ${value}\n`,
  )
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelsOf(labels: Sample['labels']): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
