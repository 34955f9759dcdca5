import type { PageRequest } from './records/record-desk.ts'
import type { ActionName, ActionRequest, JobFilter, JobState } from './views.ts'

/** The request can't be understood: the message says why. */
export class Unreadable extends Error {
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

const states: readonly JobState[] = [
  'failed',
  'running',
  'held',
  'pending',
  'later',
  'queued',
  'paused',
  'unknown',
  'sealed',
]
const names: readonly ActionName[] = ['retry', 'discard', 'run']

/** The most records of a page, and of an action that names them; and the most characters of a text. */
const mostOfPage = 200
const usualPage = 50
const mostIds = 1000
const longestText = 4000

/** Reads the query of a page of records. @throws Unreadable */
export function pageRequest(query: URLSearchParams): PageRequest {
  const given = Object.fromEntries(query)
  const limit = Number(given.limit ?? usualPage)
  if (!Number.isInteger(limit) || limit < 1) throw new Unreadable('limit is a whole number, 1 or more.')
  const cursor = textOf('cursor', given.cursor)
  return { ...filterOf(given), limit: Math.min(limit, mostOfPage), ...(cursor !== undefined && { cursor }) }
}

/** Reads the body of a request for an action. @throws Unreadable */
export function actionRequest({ action, ids, filter, expected }: Record<string, unknown>): ActionRequest {
  const name = names.find((each) => each === action)
  if (name === undefined) throw new Unreadable(`action is one of ${names.join(', ')}.`)
  const told = Number(expected ?? 0)
  if (!Number.isInteger(told) || told < 0) throw new Unreadable('expected is a whole number, 0 or more.')
  if (ids === undefined && typeof filter === 'object' && filter !== null) {
    return { action: name, filter: filterOf(filter as Record<string, unknown>), expected: told }
  }
  if (!Array.isArray(ids) || filter !== undefined || ids.length === 0 || ids.length > mostIds) {
    throw new Unreadable(`Give ids, up to ${mostIds} of them, or a filter.`)
  }
  return { action: name, ids: ids.map((id) => textOf('ids', id) ?? ''), expected: told }
}

function filterOf({ state, job, search }: Record<string, unknown>): JobFilter {
  const known = states.find((each) => each === state)
  if (state !== undefined && state !== '' && known === undefined)
    throw new Unreadable(`state is one of ${states.join(', ')}.`)
  const texts = { job: textOf('job', job), search: textOf('search', search) }
  return {
    ...(known !== undefined && { state: known }),
    ...(texts.job !== undefined && { job: texts.job }),
    ...(texts.search !== undefined && { search: texts.search }),
  }
}

function textOf(name: string, given: unknown): string | undefined {
  if (given === undefined || given === '') return undefined
  if (typeof given === 'string' && given.length <= longestText) return given
  throw new Unreadable(`${name} is a text of up to ${longestText} characters.`)
}
