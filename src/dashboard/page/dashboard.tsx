import { useEffect, useState } from 'preact/hooks'
import { useAddress } from './address.ts'
import { Frame } from './frame.tsx'
import { JobsView } from './jobs/jobs-view.tsx'
import { NowView } from './now/now-view.tsx'
import { RequestsView } from './requests/requests-view.tsx'
import { hearServer, silence } from './server.ts'

/** The page: the view that the address names, of what the server tells. */
export function Dashboard() {
  const { view, values } = useAddress()
  const [state, change] = useState(silence)
  useEffect(() => hearServer(change), [])
  const { connection, hello, now, points, rows, actions } = state
  return (
    <Frame view={view} connection={connection} warnings={now?.warnings.length ?? 0}>
      {view === 'now' && <NowView hello={hello} now={now} points={points} />}
      {view === 'requests' && (
        <RequestsView requests={rows} hello={hello} state={connection.state} now={now} values={values} />
      )}
      {view === 'jobs' && <JobsView hello={hello} actions={actions} values={values} />}
    </Frame>
  )
}
