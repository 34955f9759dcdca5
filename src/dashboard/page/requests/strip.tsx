import type { ComponentChildren } from 'preact'
import { duration } from '../printed.ts'
import type { Bar } from './bars.ts'
import type { Moment, TimeScale } from './time-scale.ts'

/** The place of a bar as properties of its style, from 0 to 1. A bar that leaves the scale ends with it. */
function placeOf(from: Moment, to: Moment, scale: TimeScale): Record<string, string> {
  const left = Math.max(0, scale.at(from))
  const right = Math.min(scale.edge, scale.at(to))
  return { '--from': left.toFixed(5), '--long': Math.max(0, right - left).toFixed(5) }
}

/** The time for which the client waited: it ends at the line. */
export function Waited({ scale, waited, isOpen }: { scale: TimeScale; waited: number; isOpen: boolean }) {
  const isInside = waited / scale.before > 0.5
  const kinds = ['waited', isOpen && 'open', waited > scale.before && 'cut'].filter(Boolean).join(' ')
  const place = placeOf(-waited, 0, scale)
  const words = <span class={isInside ? 'waited-words inside number' : 'waited-words number'}>{duration(waited)}</span>
  return (
    <div class="wait-lane" style={place}>
      {!isInside && words}
      <span class={kinds}>{isInside && words}</span>
    </div>
  )
}

interface LaneProps {
  readonly scale: TimeScale
  readonly bars: readonly Bar[]
  readonly children?: ComponentChildren
}

/** The lane of a task. */
export function Lane({ scale, bars, children }: LaneProps) {
  return (
    <span class="lane">
      {bars.map(({ kind, from, to, isOpen, outcome }) => {
        const isOut = to > scale.after
        const kinds = ['bar', kind, outcome, isOpen && 'open', isOut && 'cut'].filter(Boolean).join(' ')
        return scale.at(from) > scale.edge ? null : (
          <i key={`${kind}${from}`} class={kinds} style={placeOf(from, to, scale)} />
        )
      })}
      {children}
    </span>
  )
}

/** The place in which bars are drawn. Words beside it say the same. */
export function Strip({ isSent, children }: { readonly isSent: boolean; readonly children: ComponentChildren }) {
  return (
    <div class={isSent ? 'strip sent' : 'strip'} aria-hidden="true">
      {children}
    </div>
  )
}

/** The axis: the time that the client waited, the moment at which the response was sent, and the time after it. */
export function Axis({ scale }: { readonly scale: TimeScale }) {
  return (
    <div class="ticks" aria-hidden="true">
      {scale.ticks.map(({ moment, at }) => (
        <span class="tick number" key={at} style={{ '--from': at.toFixed(5) }}>
          {moment < 0 ? `−${short(-moment)}` : short(moment)}
        </span>
      ))}
    </div>
  )
}

/** A time on an axis: round numbers have no zeros after the point. */
function short(ms: number): string {
  if (ms < 1000) return `${+ms.toFixed(2)} ms`
  return ms < 120_000 ? `${+(ms / 1000).toFixed(2)} s` : duration(ms)
}
