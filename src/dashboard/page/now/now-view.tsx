import { useMemo, useState } from 'preact/hooks'
import type { HelloView, NowView as Numbers, PointsView } from '../../views.ts'
import { counted, duration } from '../printed.ts'
import { measuredOf } from './measured.ts'
import { Plots } from './plots.tsx'
import { Processes } from './processes.tsx'
import { Warnings } from './warnings.tsx'

/** The times that plots show. */
const spans = {
  minutes: { name: '5 minutes', words: 'last 5 minutes', step: 1000, span: 300_000 },
  hours: { name: '24 hours', words: 'last 24 hours', step: 60_000, span: 86_400_000 },
} as const
type SpanName = keyof typeof spans

interface ViewProps {
  readonly hello: HelloView | undefined
  readonly now: Numbers | undefined
  readonly points: PointsView
}

/** The state of the work at this moment, and how it came to be so. */
export function NowView({ hello, now, points }: ViewProps) {
  const [name, show] = useState<SpanName>('minutes')
  const isApp = hello === undefined || hello.pid !== undefined
  const { step, span, words } = spans[name]
  const shown = points[name]
  const measured = useMemo(() => measuredOf(shown, step, span), [shown, step, span])
  return (
    <section class="now" aria-labelledby="now-title">
      <header class="heading">
        <h1 id="now-title" class="summary">
          {now === undefined ? 'Waiting for the first numbers…' : <Summary now={now} isApp={isApp} />}
        </h1>
        {isApp && (
          <fieldset class="choices">
            <legend class="visually-hidden">Time that the plots show</legend>
            {(Object.keys(spans) as SpanName[]).map((each) => (
              <label key={each}>
                <input type="radio" name="span" checked={each === name} onChange={() => show(each)} />
                <span>{spans[each].name}</span>
              </label>
            ))}
          </fieldset>
        )}
      </header>
      <Warnings warnings={now?.warnings ?? []} />
      {isApp && <Plots measured={measured} span={words} isShort={name === 'minutes'} />}
      {now !== undefined && <Processes processes={now.processes} />}
    </section>
  )
}

/** The numbers of the moment in a sentence. */
function Summary({ now, isApp }: { readonly now: Numbers; readonly isApp: boolean }) {
  if (!isApp) return <>The journal, seen from outside. The plots are those of an app: mount the dashboard there.</>
  const { due, oldestDue, running, retrying, delayed, unsent } = now
  const others = [
    running > 0 && `${running} running`,
    retrying > 0 && `${retrying} between two attempts`,
    delayed > 0 && `${delayed} delayed`,
    unsent > 0 && `${unsent} waiting for their response`,
  ].filter(Boolean)
  const rest = others.length === 0 ? 'Nothing runs.' : `${others.join(', ')}.`
  return (
    <>
      {due === 0 ? 'Nothing is late.' : `${counted(due, 'task')} due, the oldest for ${duration(oldestDue)}.`}{' '}
      <span>{rest}</span>
    </>
  )
}
