import { type Handler, makeHandler } from '../adapters/handler/handler.ts'
import type { Afterword } from '../afterword.ts'
import { instance } from '../instance.ts'
import { type DashboardOptions, type DashboardRole, validateDashboard } from '../options/dashboard-options.ts'
import { Live } from './live.ts'
import { Actions } from './records/actions.ts'
import { DeskOpener } from './records/desk-opener.ts'
import { answerOf } from './routes.ts'

export type { Handler } from '../adapters/handler/handler.ts'
export type { Authorization, DashboardOptions, DashboardRole } from '../options/dashboard-options.ts'

/** The parts that all dashboards of an instance and a store share: one sampler serves all pages. */
const shared = new WeakMap<Afterword, Map<string | undefined, ReturnType<typeof partsOf>>>()

/**
 * Makes the dashboard of the process: one handler, which each framework mounts as it mounts others. Without `authorize` it is open to this machine outside
 * production, and to nobody else.
 *
 * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * app.use('/afterword', dashboard({ authorize: (req) => (req.user?.isAdmin ? 'write' : false) }))
 */
export function dashboard<R = never>(options: DashboardOptions<R> = {}): Handler {
  const { store, ...access } = validateDashboard(options)
  const afterword = instance()
  const byStore = shared.get(afterword) ?? new Map()
  shared.set(afterword, byStore)
  const parts = byStore.get(store) ?? partsOf(afterword, store)
  byStore.set(store, parts)
  return makeHandler((call) => answerOf(call, { options: access, ...parts }))
}

/** Makes the dashboard of a store that is looked at from outside, for this machine. @internal */
export function storeDashboard(store: string, machineRole: DashboardRole): Handler {
  const parts = partsOf(undefined, store)
  return makeHandler((call) => answerOf(call, { options: {}, machineRole, ...parts }))
}

function partsOf(afterword: Afterword | undefined, store: string | undefined) {
  const metrics = afterword?.metrics({ loopDelay: true })
  const records = new DeskOpener(metrics, store)
  const live = new Live(afterword && metrics && { afterword, metrics }, records)
  const actions = new Actions(
    () => records.desk,
    (action) => live.streams.send('action', action),
    () => afterword?.status().ending ?? false,
  )
  return { live, records, actions }
}
