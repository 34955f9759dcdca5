import { setTimeout } from '../../clock.ts'
import type { Ask, Exchange } from './exchange.ts'

/** The kinds of responses that are asked for, each with its headers. */
export const kinds = {
  'with a content-length': { query: {}, headers: { 'accept-encoding': 'identity' } },
  'in pieces, without a content-length': { query: { body: 'stream' }, headers: { 'accept-encoding': 'identity' } },
  compressed: { query: {}, headers: { 'accept-encoding': 'br, gzip' } },
} as const
export type Kind = keyof typeof kinds

/** The time in ms by which the last byte may come later than in a visit without work: half of that for which the work keeps the thread. */
const tolerance = 200
/** The most visits of a kind: what disturbs one of them proves nothing. */
const mostVisits = 3
/** The most questions for a result: other processes may answer. */
const mostQuestions = 40
const interval = 100

/** The moment of the last byte: before the work began, while it kept the thread, or when it had ended. */
type Arrival = 'before' | 'during' | 'after'

/** The findings about one kind of response. */
export interface Finding {
  readonly kind: Kind
  readonly arrival: Arrival
  /** The time in ms by which the last byte came later than without work. */
  readonly late: number
  /** The host ran the work before it sent the response. */
  readonly ranBefore: boolean
  /** The answer had that header at the client. */
  readonly hasLength: boolean
  readonly encoding: string | undefined
}

/** The answer of the doctor's handler. */
interface Told {
  readonly doctor: string
  readonly process: string
  readonly isScoped: boolean
  readonly httpVersion?: string
}

interface Visit {
  readonly began?: number
  readonly ended?: number
  readonly ranBefore?: boolean
}

/** The app, as its answers tell of it. */
export interface Patient {
  readonly isScoped: boolean
  /** The version of HTTP in which the request came to the app; `undefined` where its host does not tell. */
  readonly httpVersion: string | undefined
  readonly processes: ReadonlySet<string>
  readonly headers: Exchange['headers']
}

/** An examination of one way to the app. */
export class Examination {
  readonly #ask: Ask
  readonly #headers: Readonly<Record<string, string>>
  readonly #processes = new Set<string>()

  constructor(ask: Ask, token: string | undefined) {
    this.#ask = ask
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  /** Asks who is there. @throws Error where there is no doctor */
  async meet(): Promise<Patient> {
    const exchange = await this.#ask({}, { ...this.#headers, 'accept-encoding': 'identity' })
    const told = this.#read(exchange)
    const { isScoped, httpVersion } = told
    return { isScoped, httpVersion, processes: this.#processes, headers: exchange.headers }
  }

  /** Visits until the last byte comes in time, or it did not for some times. */
  async examine(kind: Kind): Promise<Finding> {
    let finding: Finding | undefined
    for (let visit = 0; visit < mostVisits && finding?.arrival !== 'before'; visit++) {
      const next = await this.#visit(kind)
      if (finding === undefined || next.late < finding.late) finding = next
    }
    return finding as Finding
  }

  async #visit(kind: Kind): Promise<Finding> {
    const { query, headers } = kinds[kind]
    const all = { ...this.#headers, ...headers }
    const without = await this.#ask(query, all)
    const id = crypto.randomUUID()
    const exchange = await this.#ask({ ...query, visit: id }, all)
    this.#read(exchange)
    const visit = await this.#result(id)
    const late = Math.max(0, exchange.took - without.took)
    const { began = 0, ended = Infinity, ranBefore = false } = visit ?? {}
    const whole = ended - began
    const arrival = late >= whole - tolerance ? 'after' : late > tolerance ? 'during' : 'before'
    const encoding = exchange.headers['content-encoding']
    return {
      kind,
      arrival,
      late,
      ranBefore,
      hasLength: exchange.headers['content-length'] !== undefined,
      encoding: typeof encoding === 'string' ? encoding : undefined,
    }
  }

  /** The times of the work, once it has ended; `undefined` where no process tells of it. */
  async #result(id: string): Promise<Visit | undefined> {
    for (let question = 0; question < mostQuestions; question++) {
      const exchange = await this.#ask({ result: id }, { ...this.#headers, 'accept-encoding': 'identity' })
      const { visit } = this.#read(exchange) as { visit?: Visit }
      if (visit?.ended !== undefined) return visit
      await new Promise<void>((resolve) => void setTimeout(resolve, interval))
    }
    return undefined
  }

  #read({ status, text, headers }: Exchange): Told {
    let told: Partial<Told> & { readonly error?: string } = {}
    try {
      told = JSON.parse(text)
    } catch {
      // A compressed answer is read by its process alone.
      const encoding = headers['content-encoding']
      if (encoding !== undefined) return {} as Told
    }
    if (told.doctor === undefined)
      throw new Error(
        `There is no doctor at that URL (status ${status}). Mount one, ahead of a dashboard at '/afterword': app.get('/afterword/doctor', doctor()), of afterword/doctor.`,
      )
    if (status === 403)
      throw new Error(`The doctor does not answer. ${told.error} Give it a token: doctor({ token }), and --token.`)
    if (told.process !== undefined) this.#processes.add(told.process)
    return told as Told
  }
}
