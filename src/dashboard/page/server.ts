import type { ActionView, HelloView, NowView, PointsView, RequestView } from '../views.ts'
import { ask } from './api.ts'
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

type Change = (change: (state: ServerState) => ServerState) => void

/** Hears the events of the server. @returns a function that ends that */
export function hearServer(changed: Change): () => void {
  const connection = new Connection('events', {
    changed: (connection: ConnectionState) => {
      if (connection.state === 'lost') stopServerTime()
      changed((state) => ({ ...state, connection }))
    },
    hello: (hello: HelloView) => {
      const heardAt = serverNow()
      setServerTime(hello.now)
      changed((state) => ({ ...state, hello, rows: withoutProcess(state.rows, hello.pid, heardAt) }))
      void loadActions(changed)
    },
    now: (now: NowView) => {
      setServerTime(now.now)
      changed((state) => ({ ...state, now }))
    },
    points: (newer: PointsView) => changed((state) => ({ ...state, points: joinPoints(state.points, newer) })),
    requests: (newer: readonly RequestView[]) => changed((state) => ({ ...state, rows: joinRows(state.rows, newer) })),
    action: (action: ActionView) => changed((state) => ({ ...state, actions: joinActions(state.actions, [action]) })),
  })
  return () => connection.close()
}

/** Loads the log of actions, of which events tell only what is new. */
async function loadActions(changed: Change): Promise<void> {
  // Without the log the page is as good: the next connection asks again.
  const logged = await ask<readonly ActionView[]>('actions').catch(() => [])
  changed((state) => ({ ...state, actions: joinActions(logged, state.actions) }))
}

/** Adds actions, the newest first; a newer one takes the place of that of the same id. */
function joinActions(actions: readonly ActionView[], newer: readonly ActionView[]): readonly ActionView[] {
  const ids = new Set(newer.map(({ id }) => id))
  const all = [...newer, ...actions.filter(({ id }) => !ids.has(id))]
  return all.sort((a, b) => b.at - a.at).slice(0, mostActions)
}
