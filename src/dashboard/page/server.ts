import type { ActionView, HelloView, NowView, PointsView, RequestView } from '../views.ts'
import { Connection, type ConnectionState } from './connection.ts'
import { joinPoints } from './remembered-points.ts'
import { joinRows, type RememberedRow, withoutProcess } from './remembered-rows.ts'
import { serverNow, setServerTime, stopServerTime } from './server-clock.ts'

/** The state of the page: what the server has told, bounded. */
export interface ServerState {
  readonly connection: ConnectionState
  readonly hello?: HelloView
  readonly now?: NowView
  readonly points: PointsView
  readonly rows: readonly RememberedRow[]
  /** The actions, the newest first. */
  readonly actions: readonly ActionView[]
}

/** The state before anything was heard. */
export const silence: ServerState = {
  connection: { state: 'connecting' },
  points: { minutes: [], hours: [] },
  rows: [],
  actions: [],
}

const mostActions = 200

/** Hears the events of the server. @returns a function that ends that */
export function hearServer(changed: (change: (state: ServerState) => ServerState) => void): () => void {
  const connection = new Connection('events', {
    changed: (connection: ConnectionState) => {
      if (connection.state === 'lost') stopServerTime()
      changed((state) => ({ ...state, connection }))
    },
    hello: (hello: HelloView) => {
      const heardAt = serverNow()
      setServerTime(hello.now)
      changed((state) => ({ ...state, hello, rows: withoutProcess(state.rows, hello.pid, heardAt) }))
    },
    now: (now: NowView) => {
      setServerTime(now.now)
      changed((state) => ({ ...state, now }))
    },
    points: (newer: PointsView) => changed((state) => ({ ...state, points: joinPoints(state.points, newer) })),
    requests: (newer: readonly RequestView[]) => changed((state) => ({ ...state, rows: joinRows(state.rows, newer) })),
    action: (action: ActionView) => {
      changed((state) => {
        const others = state.actions.filter(({ id }) => id !== action.id)
        const actions = [action, ...others].sort((a, b) => b.at - a.at).slice(0, mostActions)
        return { ...state, actions }
      })
    },
  })
  return () => connection.close()
}
