import type { PointsView, PointView, RequestView } from '../views.ts'

/** The bounds of what a page remembers: it may be open for weeks. */
const mostMinutes = 320
const mostHours = 1500
const mostRequests = 300

/** Adds points; a newer one takes the place of that of the same date. */
export function joinPoints({ minutes, hours }: PointsView, newer: PointsView): PointsView {
  return { minutes: join(minutes, newer.minutes, mostMinutes), hours: join(hours, newer.hours, mostHours) }
}

function join(points: readonly PointView[], newer: readonly PointView[], most: number): readonly PointView[] {
  const first = newer[0]
  if (first === undefined) return points
  return [...points.filter(({ at }) => at < first.at), ...newer].slice(-most)
}

/** Adds requests, the newest first; a newer one takes the place of that of the same id. */
export function joinRequests(requests: readonly RequestView[], newer: readonly RequestView[]): readonly RequestView[] {
  const ids = new Set(newer.map(({ id }) => id))
  const all = [...newer, ...requests.filter(({ id }) => !ids.has(id))]
  return all.sort((a, b) => b.at - a.at).slice(0, mostRequests)
}
