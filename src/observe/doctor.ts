import type { Answer } from '../adapters/handler/answer.ts'
import type { Call } from '../adapters/handler/call.ts'
import { type Handler, makeHandler } from '../adapters/handler/handler.ts'
import { isOwnMachine } from '../adapters/handler/own-machine.ts'
import type { Afterword } from '../afterword.ts'
import { clock } from '../clock.ts'
import { instance } from '../instance.ts'
import { type DoctorOptions, validateDoctor } from '../options/doctor-options.ts'
import { RequestScope } from '../task/request-scope.ts'
import { setTimer } from '../timers.ts'
import { version } from '../version.ts'

export type { Handler } from '../adapters/handler/handler.ts'
export type { DoctorOptions } from '../options/doctor-options.ts'

/** The time in ms for which the work of a visit keeps the thread, and for which it waits then. */
const blocks = 400
const waits = 1100
/** The most visits that are remembered. */
const mostVisits = 100
/** The length of a body in characters: compression leaves short ones alone. */
const bodyLength = 4096

/** A visit of the doctor's client. All times are in ms since the request came. */
interface Visit {
  sent?: number
  began?: number
  ended?: number
  delivered?: boolean
  /** The host lets the response wait for the work. */
  ranBefore?: boolean
}

/**
 * Makes a handler with which `afterword doctor` finds out whether a client has the last byte of a response before the work begins: each visit is answered,
 * and defers work that keeps the thread for 0.4 s. Without a token it answers callers of this machine, outside production.
 *
 * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * app.get('/afterword/doctor', doctor({ token: process.env.AFTERWORD_TOKEN }))
 */
export function doctor(options: DoctorOptions = {}, of?: Afterword): Handler {
  const { token } = validateDoctor(options)
  const surgery = new Surgery()
  return makeHandler(async (call) => {
    if (!mayAsk(call, token)) {
      return json(403, { doctor: version, error: token === undefined ? local : 'The token is another one.' })
    }
    const result = call.query.get('result')
    return result === null ? surgery.visit(of ?? instance(), call) : surgery.result(result)
  })
}

const local = 'Without a token the doctor answers callers of this machine, outside production.'

function mayAsk(call: Call, token: string | undefined): boolean {
  if (token !== undefined) return isSame(call.header('authorization') ?? '', `Bearer ${token}`)
  return isOwnMachine(call) && !isOfOtherSite(call) && process.env.NODE_ENV !== 'production'
}

/** A page elsewhere has a browser of this machine ask: each visit would keep the thread busy. */
function isOfOtherSite(call: Call): boolean {
  const site = call.header('sec-fetch-site')
  return site === 'cross-site' || site === 'same-site'
}

/** Compares texts in a time that does not tell where they differ. */
function isSame(a: string, b: string): boolean {
  let differs = a.length ^ b.length
  for (let i = 0; i < b.length; i++) differs |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return differs === 0
}

/** The visits of one process. */
class Surgery {
  /** Tells this process from others behind the same address. */
  readonly #process = crypto.randomUUID()
  readonly #visits = new Map<string, Visit>()

  result(id: string): Answer {
    const visit = this.#visits.get(id)
    return json(visit === undefined ? 404 : 200, { doctor: version, process: this.#process, visit })
  }

  visit(of: Afterword, call: Call): Answer {
    const isScoped = of.currentScope instanceof RequestScope
    const id = call.query.get('visit')
    if (id !== null && isScoped) this.#work(of, id)
    const told = { doctor: version, process: this.#process, isScoped, httpVersion: call.httpVersion }
    const body = { ...told, padding: 'afterword '.repeat(bodyLength / 10) }
    return call.query.get('body') === 'stream' ? inPieces(body) : json(200, body)
  }

  #work(of: Afterword, id: string): void {
    const came = clock.now()
    const { before } = of.status()
    const visit: Visit = {}
    this.#visits.set(id, visit)
    for (const old of this.#visits.keys()) if (this.#visits.size > mostVisits) this.#visits.delete(old)
    of.onSent(() => void (visit.sent = clock.now() - came))
    of.defer.with({ name: 'afterword doctor' })(async () => {
      visit.began = clock.now() - came
      visit.ranBefore = of.status().before > before
      visit.delivered = of.currentTask()?.request?.delivered ?? false
      const until = clock.now() + blocks
      while (clock.now() < until);
      await new Promise<void>((resolve) => void setTimer(resolve, waits))
      visit.ended = clock.now() - came
    })
  }
}

const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }

function json(status: number, body: object): Answer {
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return { status, headers: { ...headers, 'content-length': String(bytes.length) }, body: bytes }
}

function inPieces(body: object): Answer {
  const text = JSON.stringify(body)
  return {
    status: 200,
    headers,
    stream(output) {
      output.write(text.slice(0, bodyLength / 2))
      output.write(text.slice(bodyLength / 2))
      output.end()
      return () => {}
    },
  }
}
