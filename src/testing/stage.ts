import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { subscribe } from '../events.ts'
import { currentTask, defer } from '../instance.ts'
import type { SentResponse } from '../sent-response.ts'

/**
 * The answer that the framework is to give.
 *
 * @example
 * const { status, body }: StageAnswer = await stage.play(ctx.path, { res: ctx.res })
 */
export interface StageAnswer {
  readonly status: number
  readonly body: string | AsyncIterable<string>
}

/**
 * The properties that the framework under test gives besides the path.
 *
 * @example
 * const props: Props = { res: ctx.res, address: ctx, httpError: (status) => ctx.throw(status) }
 * await stage.play(ctx.path, props)
 */
export interface Props {
  /** The response of `node:http` or `node:http2`, where there is one. */
  readonly res?: { write(chunk: string): unknown; end(chunk: string): unknown }
  /** The object that the framework hands to its handlers, by which `defer.in` finds the request. */
  readonly address?: object | undefined
  /** The error by which the framework answers a status; `Error` alone is the one for 500. */
  readonly httpError?: (status: number) => unknown
}

/** An event that the stage tells the test; `visit` is that of the request. */
export interface StageEvent {
  readonly visit: string
  readonly type: 'ran' | 'waits'
  readonly task?: string
  readonly request?: SentResponse | undefined
  /** The client had its last byte, although the task kept the thread from its first moment on. */
  readonly answeredFirst?: boolean | undefined
  readonly note?: unknown
  /** The codes of what was reported since the last event. */
  readonly reports: readonly string[]
}

/**
 * Plays the scenes of the adapter contract in a server, on any runtime; the test is at the other end of `control`.
 *
 * @example
 * const stage = new Stage(process.env.CONTROL, process.env.MARKS)
 * app.use(async (ctx) => {
 *   const { status, body } = await stage.play(ctx.path, { res: ctx.res })
 *   Object.assign(ctx, { status, body })
 * })
 */
export class Stage {
  readonly #control: string
  readonly #marks: string | undefined
  readonly #visit = new AsyncLocalStorage<string>()
  #reports: string[] = []
  #first: AsyncResource | undefined

  /** @param marks the folder in which the test says that a client has its last byte; without one, tasks spin instead */
  constructor(control: string, marks?: string) {
    this.#control = control
    this.#marks = marks
    // Tasks that keep the thread until the client has its answer are slow on purpose.
    subscribe('report', ({ error }) => error.code !== 'AFTERWORD_SLOW_TASK' && this.#reports.push(error.code))
  }

  /** Handles the request for `/scene/visit`. May throw, as a handler may. */
  async play(path: string, props: Props = {}): Promise<StageAnswer> {
    const [, name = '', visit = ''] = path.split('/')
    const scene = scenes[name as SceneName]
    return this.#visit.run(visit, () => scene(this, visit, props))
  }

  /** Defers a task that tells the test that it has run. */
  defer(visit: string, task: string, note?: () => unknown): void {
    defer(() => this.tell({ visit, type: 'ran', task, note: note?.() }))
  }

  /** Tells the test something. */
  async tell(event: Omit<StageEvent, 'reports' | 'request'>): Promise<void> {
    const reports = this.#reports
    this.#reports = []
    const body = JSON.stringify({ ...event, request: currentTask()?.request, reports })
    const told = await fetch(`${this.#control}/event`, { method: 'POST', body })
    await told.text()
  }

  /** Resolves when the test says so. */
  async cue(visit: string): Promise<void> {
    await (await fetch(`${this.#control}/cue/${visit}`)).text()
  }

  /** The visit that the code belongs to, by AsyncLocalStorage. */
  get visit(): string | undefined {
    return this.#visit.getStore()
  }

  /** Calls `fn` as code of the first visit that calls this, as a connection does that is shared by all requests. */
  inFirst(fn: () => void): void {
    this.#first ??= new AsyncResource('AfterwordStage')
    this.#first.runInAsyncScope(fn)
  }

  /** Holds the thread until the client has its last byte; false if it never had. Without marks: for a while, `undefined`. */
  block(visit: string): boolean | undefined {
    if (this.#marks === undefined) return void spin()
    const { existsSync } = process.getBuiltinModule('node:fs')
    const nothing = new Int32Array(new SharedArrayBuffer(4))
    for (let waited = 0; waited < patience; waited++) {
      if (existsSync(`${this.#marks}/${visit}`)) return true
      Atomics.wait(nothing, 0, 0, 1)
    }
    return false
  }
}

/** The number of looks of a blocking task for its mark, about one in a ms: far more than any client needs. */
const patience = 5000

/**
 * Passes time by work, half a second or so: on some hosts the clock stands still while code runs. On a busy machine it takes many times as
 * long, and has to end within the time that a host gives to work after the response.
 */
function spin(): number {
  let state = 1
  for (let i = 0; i < 1e8; i++) state = (state * 1_103_515_245 + 12_345) | 0
  return state
}

type Scene = (stage: Stage, visit: string, props: Props) => StageAnswer | Promise<StageAnswer>

const answer = (status = 200, body: StageAnswer['body'] = 'fine'): StageAnswer => ({ status, body })

const scenes = {
  'answer-first': (stage, visit) => {
    defer(async () => {
      const answeredFirst = stage.block(visit)
      await stage.tell({ visit, type: 'ran', task: 'block', answeredFirst })
    })
    return answer()
  },
  order: (stage, visit) => {
    for (const task of ['first', 'second', 'third']) stage.defer(visit, task)
    return answer()
  },
  nested: (stage, visit) => {
    defer(() => stage.defer(visit, 'nested'))
    stage.defer(visit, 'sibling')
    return answer()
  },
  failing: (stage, visit) => {
    defer(() => {
      throw new Error('a task throws')
    })
    defer(() => Promise.reject(new Error('a task rejects')))
    stage.defer(visit, 'after')
    return answer()
  },
  'not-found': (stage, visit) => {
    stage.defer(visit, 'task')
    return answer(404, 'nothing here')
  },
  'server-error': (stage, visit) => {
    stage.defer(visit, 'task')
    return answer(500, 'broken')
  },
  throws: async (stage, visit) => {
    stage.defer(visit, 'task')
    await null
    throw new Error('the handler throws')
  },
  'throws-http-error': (stage, visit, { httpError }) => {
    stage.defer(visit, 'task')
    throw httpError?.(418) ?? new Error('This framework has no errors of its own.')
  },
  waiting: async (stage, visit) => {
    stage.defer(visit, 'task')
    await stage.tell({ visit, type: 'waits' })
    await stage.cue(visit)
    return answer()
  },
  streaming: (stage, visit) => {
    stage.defer(visit, 'task')
    return answer(200, twoChunks(stage, visit))
  },
  'deferred-in-stream': (stage, visit) => {
    // Also from before, since some hosts tell of a body's end only if they are asked in time.
    stage.defer(visit, 'before')
    return answer(200, deferringChunks(stage, visit))
  },
  context: async (stage, visit) => {
    await stage.tell({ visit, type: 'waits' })
    await stage.cue(visit)
    stage.defer(visit, 'task', () => stage.visit)
    return answer()
  },
  addressed: async (stage, visit, { address }) => {
    await stage.tell({ visit, type: 'waits' })
    stage.inFirst(() => {
      defer.in(address ?? {})(() => stage.tell({ visit, type: 'ran', task: 'addressed' }))
    })
    await stage.cue(visit)
    return answer()
  },
  when: (stage, visit) => {
    for (const when of ['always', 'success'] as const) {
      defer.with({ when })(() => stage.tell({ visit, type: 'ran', task: when }))
    }
    defer.with({ when: ({ status }) => status === 404 })(() => stage.tell({ visit, type: 'ran', task: '404' }))
    stage.defer(visit, 'last')
    return answer(404)
  },
  'late-write': (stage, visit, { res }) => {
    defer(() => {
      res?.write('late')
      res?.end('later')
    })
    stage.defer(visit, 'task')
    return answer()
  },
  slow: (stage, visit) => {
    defer(async () => {
      await stage.tell({ visit, type: 'waits' })
      await stage.cue(visit)
      await stage.tell({ visit, type: 'ran', task: 'slow' })
    })
    stage.defer(visit, 'after')
    return answer()
  },
} as const satisfies Record<string, Scene>

export type SceneName = keyof typeof scenes

async function* twoChunks(stage: Stage, visit: string): AsyncIterable<string> {
  yield 'first'
  await stage.cue(visit)
  yield 'second'
}

/** The handler's work goes on by itself while the framework reads: a generator would run in the reader's context. */
function deferringChunks(stage: Stage, visit: string): AsyncIterable<string> {
  const second = Promise.withResolvers<void>()
  void Promise.resolve().then(async () => {
    await stage.tell({ visit, type: 'waits' })
    stage.defer(visit, 'within')
    await stage.cue(visit)
    second.resolve()
  })
  return (async function* () {
    yield 'first'
    await second.promise
    yield 'second'
  })()
}
