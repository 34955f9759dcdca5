import { useState } from 'preact/hooks'
import { bounds } from '../../../schedule/histogram.ts'
import { Plot } from '../plot.tsx'
import { clockTime, duration, shortCount } from '../printed.ts'
import type { Measured } from './measured.ts'

interface PlotsProps {
  readonly measured: Measured
  /** The time that is shown, in words. */
  readonly span: string
  /** Seconds tell apart the moments of a short time. */
  readonly isShort: boolean
}

/** The largest bound of the histograms: times above it are not told apart. */
const longest = bounds[bounds.length - 1]!
const time = (ms: number) => (ms === Infinity ? `> ${duration(longest)}` : duration(ms))
const perSecond = (value: number) => `${shortCount(value)}/s`

/** The plots of the view, all of one time: the moment that is pointed at is shown in each. */
export function Plots({ measured, span, isShort }: PlotsProps) {
  const [cursor, point] = useState<number | undefined>(undefined)
  const { dates, throughput, due, oldest, wait, run, loop, held } = measured
  const shared = { cursor, onPoint: point, span }
  const last = dates.length - 1
  const date = dates[cursor ?? last]
  // The last point of a day is a minute that has passed.
  const latest = isShort ? 'now' : 'the last minute'
  const moment =
    cursor === undefined || date === undefined ? latest : isShort ? clockTime(date) : clockTime(date).slice(0, 5)
  return (
    <>
      <div class="plots">
        <Plot title="Throughput" lines={throughput} stacked print={perSecond} least={1} {...shared} />
        <Plot title="Due" lines={due} stacked print={shortCount} least={5} {...shared} />
        <Plot title="Oldest due" lines={oldest} print={duration} least={100} {...shared} />
        <Plot title="Wait" lines={wait} print={time} longest={longest} least={10} {...shared} />
        <Plot title="Run time" lines={run} print={time} longest={longest} least={10} {...shared} />
        <Plot title="Event loop delay" lines={loop} print={duration} least={50} {...shared} />
        <Plot title="Held responses" lines={held} print={shortCount} least={5} {...shared} />
      </div>
      <label class="moment">
        <span>
          Numbers of <b class="number strong-ink">{moment}</b>
        </span>
        <input
          type="range"
          min={0}
          max={last}
          value={cursor ?? last}
          aria-valuetext={moment}
          onInput={({ currentTarget }) =>
            point(currentTarget.valueAsNumber === last ? undefined : currentTarget.valueAsNumber)
          }
        />
      </label>
    </>
  )
}
