import type { Answer } from '../adapters/handler/answer.ts'
import type { Call } from '../adapters/handler/call.ts'
import { isOwnMachine } from '../adapters/handler/own-machine.ts'
import { AfterwordError, describe } from '../errors.ts'
import { report } from '../events.ts'
import { lostThis } from '../lost-this.ts'
import type { Authorization, DashboardOptions, DashboardRole } from '../options/dashboard-options.ts'
import { refusal } from './answers.ts'

/** The access of who asks. */
export interface Access {
  readonly role: DashboardRole
  /** The person, as `authorize` names them. */
  readonly actor: string | undefined
}

const longestActor = 200

/** Decides who may look, and who may act. @param machineRole the role of this machine, in production as well @returns the access, or the answer of a refusal */
export async function accessOf<R>(
  call: Call,
  { authorize }: DashboardOptions<R>,
  machineRole: DashboardRole | undefined,
): Promise<Access | Answer> {
  if (authorize === undefined) return ownMachine(call, machineRole)
  let given: Authorization
  try {
    given = await authorize(call.request as R)
  } catch (cause) {
    const values = ['authorize of dashboard', lostThis(authorize, cause)]
    report(new AfterwordError('AFTERWORD_CALLBACK_FAILED', values, { cause }))
    return refusal(500, 'The dashboard can not tell who asks.')
  }
  const { role, actor } = typeof given === 'object' && given !== null ? given : { role: given, actor: undefined }
  if (role === 'read' || role === 'write') return { role, actor: actor && String(actor).slice(0, longestActor) }
  if (role !== false) report(new AfterwordError('AFTERWORD_DASHBOARD_ROLE', [describe(given)]))
  return refusal(403, 'You may not see this.')
}

/** Lets this machine in, and nobody else. */
function ownMachine(call: Call, role: DashboardRole | undefined): Access | Answer {
  const closed = (why: string) => refusal(403, `${why} Give dashboard({ authorize }) to tell who may see it.`)
  if (role === undefined && process.env.NODE_ENV === 'production')
    return closed('The dashboard is closed in production.')
  if (call.peer === undefined)
    return closed('The dashboard is open to this machine only, and the host does not tell who asks.')
  if (!isOwnMachine(call)) return closed('The dashboard is open to this machine only.')
  return { role: role ?? 'write', actor: undefined }
}

/** Tells whether another site makes the browser ask. @returns the answer of a refusal; `undefined` where all is well */
export function foreign(call: Call): Answer | undefined {
  const site = call.header('sec-fetch-site')
  if (call.method === 'GET' || call.method === 'HEAD') {
    return site === 'cross-site' && call.header('sec-fetch-mode') !== 'navigate' ? notOwn() : undefined
  }
  if (site !== undefined) return site === 'same-origin' ? undefined : notOwn()
  const origin = call.header('origin')
  const host = URL.parse(origin ?? '')?.host
  return host !== undefined && host === call.header('host') ? undefined : notOwn()
}

const notOwn = () =>
  refusal(403, 'Only the page of the dashboard may ask for this: the request has no Sec-Fetch-Site or Origin of it.')
