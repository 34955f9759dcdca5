import type { ProcessView } from '../../views.ts'
import { counted, duration, fullDate } from '../printed.ts'
import { Names } from '../sentence.tsx'
import { serverNow } from '../server-clock.ts'

/** The processes that are alive, and what they run. */
export function Processes({ processes }: { readonly processes: readonly ProcessView[] }) {
  return (
    <section class="block" aria-labelledby="processes-title">
      <h2 id="processes-title">
        Processes{' '}
        <span class="count number">{processes.length > 0 && counted(processes.length, 'process', 'processes')}</span>
      </h2>
      {processes.length === 0 ? (
        <p class="empty">No process is known to be alive.</p>
      ) : (
        <section class="table-frame" aria-labelledby="processes-title">
          <table>
            <thead>
              <tr>
                <th scope="col">Process</th>
                <th scope="col">Version</th>
                <th scope="col">Up for</th>
                <th scope="col">Runs now</th>
                <th scope="col">Can run</th>
              </tr>
            </thead>
            <tbody>
              {processes.map((process) => (
                <Row key={process.pid} process={process} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  )
}

function Row({ process: { pid, version, isThis, startedAt, running, jobs } }: { readonly process: ProcessView }) {
  return (
    <tr>
      <th scope="row">
        <span class="number">{pid}</span> {isThis && <span class="tag">answers you</span>}
      </th>
      <td class="number">{version ?? '–'}</td>
      <td class="number">
        {startedAt === undefined ? '–' : <span title={fullDate(startedAt)}>{duration(serverNow() - startedAt)}</span>}
      </td>
      <td>
        <Running running={running} />
      </td>
      <td class="jobs-known">{jobs.length === 0 ? '–' : <Names names={jobs} />}</td>
    </tr>
  )
}

function Running({ running }: { readonly running: ProcessView['running'] }) {
  if (running === undefined) return <span class="muted">does not tell</span>
  if (running.length === 0) return <span class="muted">nothing</span>
  return running.map(({ name, count }) => (
    <span class="runs" key={name}>
      <code>{name}</code>
      {count > 1 && <span class="number"> × {count}</span>}
    </span>
  ))
}
