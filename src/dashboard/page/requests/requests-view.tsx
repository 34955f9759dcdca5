import { useCallback, useRef, useState } from 'preact/hooks'
import type { HelloView, NowView } from '../../views.ts'
import { changeValues, type Values } from '../address.ts'
import type { ConnectionState } from '../connection.ts'
import { Icon } from '../icon.tsx'
import { useNarrow } from '../narrow.ts'
import { counted } from '../printed.ts'
import type { RememberedRow } from '../remembered-rows.ts'
import { elapsedOf, originOf, workAfter } from './bars.ts'
import { matching, RequestFilter } from './request-filter.tsx'
import { RequestRow } from './request-row.tsx'
import { Axis } from './strip.tsx'
import { TimeScale } from './time-scale.ts'

/** The value of `open` that has the newest request open, whichever that is. */
const newestOpen = 'newest'

interface ViewProps {
  /** The newest first. */
  readonly requests: readonly RememberedRow[]
  readonly hello: HelloView | undefined
  readonly state: ConnectionState['state']
  readonly now: NowView | undefined
  readonly values: Values
}

/** The requests of late, each with what its client waited for and what ran afterwards. */
export function RequestsView({ requests, hello, state, now, values }: ViewProps) {
  const [isPaused, pause] = useState(false)
  const shown = useHeld(matching(requests, values), isPaused || Boolean(values.open && values.open !== newestOpen))
  const open = values.open === newestOpen ? shown.rows.find(({ method }) => method !== undefined)?.key : values.open
  const scale = useScale(shown.rows)
  const toggle = useCallback((key: string) => changeValues({ open: key === open ? '' : key }, true), [open])
  return (
    <section aria-labelledby="requests-title" class="requests" data-state={state}>
      <header class="heading">
        <h1 id="requests-title">
          Requests{' '}
          <span class="count number">
            {counted(shown.rows.length, 'request')}
            {now !== undefined && now.sampled < 1 && `: ${percent(now.sampled)} of all`}
          </span>
        </h1>
        <button type="button" data-key="p" aria-pressed={isPaused} onClick={() => pause(!isPaused)}>
          <Icon name={isPaused ? 'play' : 'pause'} /> {isPaused ? 'Go on' : 'Stop'}
        </button>
      </header>
      <RequestFilter values={values} requests={requests} />
      {requests.length === 0 ? (
        <NoRequests isApp={hello === undefined || hello.pid !== undefined} />
      ) : (
        <div class="waterfall">
          <div class="axis">
            <span />
            <div class="scale" aria-hidden="true">
              <p class="sides">
                <span class="waited-side">
                  <span class="wide-only">the client </span>waits
                </span>
                <span class="ran-side">
                  <span class="wide-only">runs </span>afterwards
                </span>
              </p>
              <Axis scale={scale} />
            </div>
            <span />
          </div>
          {shown.held > 0 && (
            <button
              type="button"
              class="newer"
              onClick={() => {
                pause(false)
                changeValues({ open: '' })
              }}
            >
              Show {counted(shown.held, 'newer request')}
            </button>
          )}
          <ol class="request-list">
            {shown.rows.map((request) => (
              <RequestRow
                key={request.key}
                request={request}
                scale={scale}
                isOpen={request.key === open}
                onToggle={toggle}
              />
            ))}
          </ol>
          {shown.rows.length === 0 && <p class="empty">No request matches. Take a filter away to see the others.</p>}
        </div>
      )}
    </section>
  )
}

const percent = (share: number) => `${share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`

/** Holds newer requests back while someone reads: rows do not move away under the eye. */
function useHeld(requests: readonly RememberedRow[], isHeld: boolean) {
  const newest = useRef<number | undefined>(undefined)
  if (!isHeld || newest.current === undefined) newest.current = requests[0]?.at
  const until = newest.current ?? Infinity
  const rows = requests.filter(({ at }) => at <= until)
  return { rows, held: requests.length - rows.length }
}

/** A scale on which most of the requests fit. It changes by steps. */
function useScale(rows: readonly RememberedRow[]): TimeScale {
  const end = useNarrow() ? 0.82 : 0.91
  const before = rows.map((request) => originOf(request, elapsedOf(request)))
  const after = rows.map((request) => workAfter(request, elapsedOf(request))).filter((time) => time > 0)
  const last = useRef<TimeScale | undefined>(undefined)
  const fitting = TimeScale.fitting(before, after, end)
  if (!last.current?.equals(fitting)) last.current = fitting
  return last.current ?? fitting
}

function NoRequests({ isApp }: { readonly isApp: boolean }) {
  if (!isApp) {
    return (
      <div class="empty">
        <h3>No request comes by here</h3>
        <p>
          This page is served by a command, which sees the jobs of the journal. The requests are in the memory of the
          app: mount the dashboard there to see them.
        </p>
        <pre>
          <code>app.use('/afterword', dashboard())</code>
        </pre>
      </div>
    )
  }
  return (
    <div class="empty">
      <h3>No request has deferred anything yet</h3>
      <p>
        Requests that defer something appear here, with what their client waited for and what ran after the response.
        Defer something in a handler, and call its route:
      </p>
      <pre>
        <code>{`app.post('/signup', (req, res) => {
  defer(sendWelcome, req.body.email)
  res.status(201).end()
})`}</code>
      </pre>
    </div>
  )
}
