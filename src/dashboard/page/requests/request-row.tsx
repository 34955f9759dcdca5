import { memo } from '../memo.ts'
import { clockTime, counted, duration } from '../printed.ts'
import { isLive, isRequest, type RememberedRow } from '../remembered-rows.ts'
import { useTicks } from '../ticks.ts'
import { barsOf, elapsedOf, lastOf, originOf, workAfter } from './bars.ts'
import { RequestDetails } from './request-details.tsx'
import { inWords, Result } from './result.tsx'
import { Lane, Strip, Waited } from './strip.tsx'
import type { TimeScale } from './time-scale.ts'

/** The most lanes of a row that is closed. */
const mostLanes = 8

interface RowProps {
  readonly request: RememberedRow
  readonly scale: TimeScale
  readonly isOpen: boolean
  readonly onToggle: (id: string) => void
}

/** A request: what the client waited for is before the line, what ran afterwards behind it. */
export const RequestRow = memo(function RequestRow({ request, scale, isOpen, onToggle }: RowProps) {
  const live = isLive(request)
  useTicks(live)
  const { key, at, method, path, status, sent, delivered, tasks } = request
  const elapsed = elapsedOf(request)
  const origin = originOf(request, elapsed)
  const last = lastOf(tasks.slice(0, mostLanes), elapsed)
  const hidden = Math.max(0, tasks.length - mostLanes) + request.moreTasks
  const details = `request-${key}`
  return (
    <li class={isOpen ? 'request-item open' : 'request-item'}>
      <div class={isOpen ? 'request open' : 'request'}>
        <div class="what">
          <button
            type="button"
            class="opener"
            data-row={key}
            data-key={isOpen ? 'Escape' : undefined}
            aria-expanded={isOpen}
            aria-controls={details}
            onClick={() => onToggle(key)}
          >
            <span class="route">
              <span class="method">{method}</span> <span class="path">{path ?? 'outside a request'}</span>
            </span>
          </button>
          <p class="came">
            {isRequest(request) && (
              <StatusCode status={status} isDelivered={delivered !== false} isBroken={request.brokenAt !== undefined} />
            )}
            <time class="number" dateTime={new Date(at).toISOString()}>
              {clockTime(at)}
            </time>
          </p>
          <p class="visually-hidden">{inWords(request, elapsed)}</p>
        </div>
        {!isOpen && (
          <Strip isSent={isRequest(request) && sent !== undefined}>
            {isRequest(request) && <Waited scale={scale} waited={origin} isOpen={sent === undefined && live} />}
            {tasks.slice(0, mostLanes).map((task) => (
              <Lane key={task.id} scale={scale} bars={barsOf(task, origin, elapsed)}>
                {task === last && <AfterWords after={workAfter(request, elapsed)} scale={scale} />}
              </Lane>
            ))}
            {hidden > 0 && <span class="more">and {counted(hidden, 'task')} more</span>}
          </Strip>
        )}
        <div class="result">
          <Result request={request} />
        </div>
      </div>
      <div id={details}>{isOpen && <RequestDetails request={request} elapsed={elapsed} end={scale.end} />}</div>
    </li>
  )
})

/** The time that the work took after the response, at the end of the bar that ends last. */
function AfterWords({ after, scale }: { readonly after: number; readonly scale: TimeScale }) {
  return (
    <span class="after-words number" style={{ '--from': Math.min(scale.edge, scale.at(after)).toFixed(5) }}>
      {duration(after)}
    </span>
  )
}

interface StatusProps {
  readonly status: number | undefined
  readonly isDelivered: boolean
  readonly isBroken: boolean
}

/** The status of a response, or that there is none. */
function StatusCode({ status, isDelivered, isBroken }: StatusProps) {
  if (status === undefined)
    return <span class={isBroken ? 'status bad' : 'status'}>{isBroken ? 'no answer' : 'open'}</span>
  const kind = status >= 500 ? 'bad' : status >= 400 ? 'refused' : 'good'
  return (
    <>
      <span class={`status ${kind} number`}>{status}</span>
      {!isDelivered && <span class="status gone">client gone</span>}
    </>
  )
}
