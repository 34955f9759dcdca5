import type { PointsView, PointView } from '../views.ts'

/** The most points that the page remembers: it may be open for weeks. */
const mostMinutes = 320
const mostHours = 1500

/** Adds points; newer ones take the place of those of the same time. */
export function joinPoints({ minutes, hours }: PointsView, newer: PointsView): PointsView {
  return { minutes: join(minutes, newer.minutes, mostMinutes), hours: join(hours, newer.hours, mostHours) }
}

function join(points: readonly PointView[], newer: readonly PointView[], most: number): readonly PointView[] {
  const first = newer[0]
  return first === undefined ? points : [...points.filter(({ at }) => at < first.at), ...newer].slice(-most)
}
