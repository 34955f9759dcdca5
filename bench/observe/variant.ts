import type { Variant } from '../load/variant.ts'

/** The last commit before anything could look at an instance, but for `status()` and the events. */
export const before = '09b2d99^'

export const variants: Readonly<Record<string, Variant>> = {
  before: { title: 'one `defer`, the release before', against: 'before' },
  'before-again': { title: 'the same, a second server (A/A)', against: 'before' },
  today: { title: 'one `defer`, this release, built as that one, nobody looks', against: 'before', target: 0.98 },
  quiet: { title: 'one `defer`, the package, nobody looks', against: 'quiet' },
  metrics: { title: '`metrics()`, read each 10 s', against: 'quiet' },
  prometheus: { title: '`afterword/prometheus`, read each 10 s', against: 'quiet' },
  mounted: { title: '`afterword/dashboard`, no page is open', against: 'quiet' },
  pages: { title: '`afterword/dashboard`, ten pages are open', against: 'mounted', target: 0.98 },
  sdk: { title: "OpenTelemetry's SDK and its HTTP instrumentation", against: 'sdk' },
  spans: { title: 'the same with `afterword/opentelemetry`', against: 'sdk', target: 0.85 },
}
