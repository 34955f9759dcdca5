import { clock } from '../../clock.ts'
import type { ActionRequest, ActionView, JobFilter } from '../views.ts'
import type { Desk } from './record-desk.ts'

/** The most actions that the log remembers, and the most that go on at once. */
const mostLogged = 200
const mostAtOnce = 4
/** The number of records that are changed in one go. */
const pageSize = 100
/** The shortest time in ms between two tellings of the progress of an action. */
const interval = 250

type Growing = { -readonly [Name in keyof ActionView]: ActionView[Name] }

/** The actions of people on records: they go on in the background, one page of records after another. The log tells who did what, in this process. */
export class Actions {
  readonly #desk: () => Desk
  readonly #tell: (action: ActionView) => void
  readonly #isEnding: () => boolean
  /** The newest last. */
  readonly #log: Growing[] = []
  readonly #cancelled = new Set<string>()
  #serial = 0
  #running = 0

  /** @param tell is called when an action has begun, goes on, or has ended @param isEnding tells that the instance ends, and all actions with it */
  constructor(desk: () => Desk, tell: (action: ActionView) => void, isEnding = () => false) {
    this.#desk = desk
    this.#tell = tell
    this.#isEnding = isEnding
  }

  /** The log, the newest first. */
  get log(): readonly ActionView[] {
    return this.#log.toReversed()
  }

  /** As many actions go on as may at once. */
  get isFull(): boolean {
    return this.#running >= mostAtOnce
  }

  /** Begins an action. */
  begin(request: ActionRequest, who: string | undefined): ActionView {
    const { action, ids, expected } = request
    const view = this.#add({ action, who, what: whatOf(request), total: ids?.length ?? expected })
    this.#running++
    void this.#run(view, request).finally(() => this.#running--)
    return { ...view }
  }

  /** Notes that a person has seen the arguments of a record. */
  revealed(what: string, who: string | undefined): void {
    const view = this.#add({ action: 'reveal', who, what, total: 1 })
    view.done = 1
    view.endedAt = view.at
    this.#tell(view)
  }

  /** Ends an action after the records that it is at. @returns `undefined` where there is none of that id */
  cancel(id: string): ActionView | undefined {
    const view = this.#log.find((view) => view.id === id)
    if (view !== undefined && view.endedAt === undefined) this.#cancelled.add(id)
    return view
  }

  #add(of: Pick<ActionView, 'action' | 'who' | 'what' | 'total'>): Growing {
    const id = `${clock.date().toString(36)}-${++this.#serial}`
    const begun = { done: 0, unchanged: 0, endedAt: undefined, isCancelled: false, error: undefined }
    const view: Growing = { id, at: clock.date(), ...of, ...begun }
    this.#log.push(view)
    const index = this.#log.findIndex(({ endedAt }) => endedAt !== undefined)
    if (this.#log.length > mostLogged && index >= 0) this.#log.splice(index, 1)
    return view
  }

  async #run(view: Growing, request: ActionRequest): Promise<void> {
    let toldAt = clock.now()
    this.#tell(view)
    try {
      for await (const ids of this.#pagesOf(request, view.at)) {
        if (this.#cancelled.has(view.id)) break
        // The action would hold the process until it has gone through all records.
        if (this.#isEnding()) throw new Error('The process ends. Begin the action anew when another one answers.')
        await this.#desk().change(async (writer) => {
          for await (const changed of writer[request.action](ids)) {
            for (const { done } of changed) view[done ? 'done' : 'unchanged']++
          }
        })
        if (clock.now() - toldAt < interval) continue
        toldAt = clock.now()
        this.#tell(view)
      }
    } catch (error) {
      view.error = (error as Error).message
    }
    view.isCancelled = this.#cancelled.delete(view.id)
    view.endedAt = clock.date()
    this.#tell(view)
  }

  /** Yields the ids of the records, page by page. Of those that match, only those that were there when the action began: a person has seen no others. */
  async *#pagesOf({ action, ids, filter = {} }: ActionRequest, began: number): AsyncGenerator<string[]> {
    for (let from = 0; from < (ids?.length ?? 0); from += pageSize) yield (ids as string[]).slice(from, from + pageSize)
    if (ids !== undefined) return
    const state = filter.state ?? stateOf[action]
    let cursor: string | undefined
    do {
      const request = { ...filter, ...(state !== undefined && { state }), limit: pageSize }
      const { jobs, next } = await this.#desk().page({ ...request, ...(cursor !== undefined && { cursor }) })
      const known = jobs.filter(({ created, failedAt }) => (failedAt ?? created) <= began)
      if (known.length > 0) yield known.map(({ id }) => id)
      cursor = next
    } while (cursor !== undefined)
  }
}

/** The only state of records with which an action can do something. */
const stateOf = { retry: 'failed', run: 'later', discard: undefined } as const

function whatOf({ ids, filter = {}, action }: ActionRequest): string {
  if (ids !== undefined) return ids.length === 1 ? String(ids[0]) : `${ids.length} records`
  return `all ${wordsOf({ ...filter, ...(stateOf[action] && { state: stateOf[action] }) })}`
}

function wordsOf({ state, job, search }: JobFilter): string {
  const found = search === undefined ? '' : ` with "${search}"`
  return `${state ?? ''} records${job === undefined ? '' : ` of "${job}"`}${found}`.trim()
}
