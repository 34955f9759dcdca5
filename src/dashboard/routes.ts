import type { Answer } from '../adapters/handler/answer.ts'
import type { Call } from '../adapters/handler/call.ts'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { DashboardOptions, DashboardRole } from '../options/dashboard-options.ts'
import { type Access, accessOf, foreign } from './access.ts'
import { answer, eventStream, framed, json, refusal } from './answers.ts'
import type { Live } from './live.ts'
import { isPageFile, pageAnswer, pageBelow } from './page-answers.ts'
import type { Actions } from './records/actions.ts'
import type { DeskOpener } from './records/desk-opener.ts'
import { actionRequest, pageRequest, Unreadable } from './requests.ts'

/** The most bytes of the body of a request: a thousand ids fit. */
const mostBody = 64 * 1024

/** The parts of a dashboard. */
export interface Parts<R> {
  readonly options: DashboardOptions<R>
  /** The role of this machine, in production as well: `npx afterword dashboard` serves nobody else. */
  readonly machineRole?: DashboardRole
  readonly live: Live
  readonly records: DeskOpener
  readonly actions: Actions
}

/** Answers a call: first it is decided who asks, then what for. */
export async function answerOf<R>(call: Call, parts: Parts<R>): Promise<Answer> {
  try {
    const access = foreign(call) ?? (await accessOf(call, parts.options, parts.machineRole))
    const found = 'status' in access ? access : await routed(call, parts, access)
    const { frameAncestors } = parts.options
    return frameAncestors === undefined ? found : framed(found, frameAncestors)
  } catch (error) {
    if (error instanceof Unreadable) return refusal(error.status, error.message)
    report(new AfterwordError('AFTERWORD_CALLBACK_FAILED', ['dashboard', ''], { cause: error }))
    return refusal(500, 'The dashboard has failed. The process has reported why.')
  }
}

/** Finds the route at the end of the path: the app has mounted the dashboard at any other path. */
function routed<R>(call: Call, parts: Parts<R>, access: Access): Answer | Promise<Answer> {
  const { path, method } = call
  const [last = '', before = ''] = path.split('/').reverse()
  const isGet = method === 'GET' || method === 'HEAD'
  if (method === 'POST') return posted(call, parts, access, before, last)
  if (!isGet) return answer(405, { allow: 'GET, HEAD, POST' })
  if (last === '') return pageAnswer('index.html', call)
  if (isPageFile(last)) return pageAnswer(last, call)
  // A browser that is led to an address asks for a page: the dashboard may be mounted at /events or /jobs.
  if (call.header('accept')?.includes('text/html')) return isFile(last) ? notFound() : pageBelow(last)
  if (last === 'events') return events(parts, access)
  if (last === 'actions') return json(parts.actions.log)
  if (last === 'jobs') return jobs(call, parts)
  if (before === 'jobs') return job(last, parts, false)
  // The path of the dashboard without a slash at its end, which frameworks may cut off.
  return isFile(last) ? notFound() : pageBelow(last)
}

/** The name is that of a file of an earlier version, whose page is still open somewhere. */
function isFile(name: string): boolean {
  return /\.(js|css|svg)$/.test(name)
}

async function posted<R>(call: Call, parts: Parts<R>, access: Access, before: string, last: string): Promise<Answer> {
  if (access.role !== 'write') return refusal(403, 'You may look, and not act: that takes the role "write".')
  const type = call.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') return refusal(415, 'Send application/json.')
  const body = await bodyOf(call)
  const { actions } = parts
  if (last === 'actions') {
    if (actions.isFull) return refusal(429, 'Some actions go on already. Wait until one has ended, or cancel it.')
    return json(actions.begin(actionRequest(body), access.actor), 202)
  }
  if (before === 'actions' && body.cancel === true) {
    const action = actions.cancel(last)
    return action === undefined ? notFound() : json(action)
  }
  if (before !== 'jobs' || body.reveal !== true) return notFound()
  const revealed = await job(last, parts, true)
  if (revealed.status === 200) actions.revealed(`the arguments of ${decodeURIComponent(last)}`, access.actor)
  return revealed
}

function events<R>({ live }: Parts<R>, { role }: Access): Answer {
  if (live.streams.isFull) return refusal(503, 'Too many pages are open, or the process ends.')
  return eventStream((output) => live.open(output, role))
}

async function jobs<R>({ query }: Call, { records }: Parts<R>): Promise<Answer> {
  const request = pageRequest(query)
  return stored(async () => json(await records.desk.page(request)))
}

async function job<R>(segment: string, { records }: Parts<R>, isRevealed: boolean): Promise<Answer> {
  let id: string
  try {
    id = decodeURIComponent(segment)
  } catch {
    return notFound()
  }
  return stored(async () => {
    const found = await records.desk.find(id, isRevealed)
    return found === undefined ? notFound() : json(found)
  })
}

/** Answers in words where the store can't be read. */
async function stored(read: () => Promise<Answer>): Promise<Answer> {
  try {
    return await read()
  } catch (error) {
    return refusal(503, (error as Error).message)
  }
}

async function bodyOf(call: Call): Promise<Record<string, unknown>> {
  const length = Number(call.header('content-length') ?? 0)
  const given = length > mostBody ? undefined : await call.body(mostBody)
  if (given === undefined) throw new Unreadable(`A request has ${mostBody} bytes at most.`, 413)
  try {
    const body: unknown = typeof given === 'string' ? JSON.parse(given) : given
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
  } catch {
    // Below.
  }
  throw new Unreadable('The body is no JSON object.')
}

const notFound = () => refusal(404, 'There is nothing of that name, or no more.')
