import assert from 'node:assert/strict'
import { clock } from '../clock.ts'
import type { SentResponse } from '../sent-response.ts'
import { Control, type Visit } from './control.ts'
import type { SceneName } from './stage.ts'

/**
 * A server in a process or thread of its own, whose framework plays the scenes of a `Stage`.
 * @example
 * const server: ContractServer = { url: `http://localhost:${port}`, close: () => stop(child) }
 */
export interface ContractServer {
  readonly url: string
  /** The framework's own way to stop, or SIGTERM: resolves when the server has ended. */
  close(): Promise<void>
}

/**
 * The limits of a host; the cases that need more are left out.
 * @example
 * new AdapterContract({ start, limits: { lateWrites: false } })
 */
export interface ContractLimits {
  /** The host doesn't tell that a client has left. */
  readonly aborts?: false
  /** The host tells so only once the handler has returned. */
  readonly earlyAborts?: false
  /** There is no response that a task could still write to. */
  readonly lateWrites?: false
  /** The framework has no errors of its own that stand for a status. */
  readonly httpErrors?: false
  /** Handlers are given nothing that leads to their request. */
  readonly addresses?: false
  /** Tasks can't run after the response, or the host ends at once. */
  readonly drain?: false
}

/**
 * The options of an adapter's contract.
 * @example
 * const options: ContractOptions = { start: ({ control, marks }) => startServer({ CONTROL: control, MARKS: marks }) }
 */
export interface ContractOptions {
  /** Starts the server; its stage is `new Stage(control, marks)`. */
  start(stage: { readonly control: string; readonly marks: string }): Promise<ContractServer>
  readonly limits?: ContractLimits
}

/**
 * One thing that an adapter must do. To be run one after another, in order.
 * @example
 * for (const { title, run } of contract.cases) test(title, run)
 */
export interface ContractCase {
  readonly title: string
  /** Rejects with an AssertionError where the adapter doesn't. */
  run(): Promise<void>
}

/**
 * The contract of every adapter, as cases for any test runner: `for (const { title, run } of cases) test(title, run)`.
 * @example
 * const contract = new AdapterContract({ start })
 * await contract.open()
 * for (const { title, run } of contract.cases) test(title, run)
 */
export class AdapterContract implements AsyncDisposable {
  readonly cases: readonly ContractCase[]
  readonly #options: ContractOptions
  readonly #control = new Control()
  #server: ContractServer | undefined
  #closed = false

  constructor(options: ContractOptions) {
    this.#options = options
    const { aborts, earlyAborts, lateWrites, httpErrors, addresses, drain } = options.limits ?? {}
    const left = [
      aborts === false && 'aborts',
      (aborts === false || earlyAborts === false) && 'earlyAborts',
      lateWrites === false && 'lateWrites',
      httpErrors === false && 'httpErrors',
      addresses === false && 'addresses',
      drain === false && 'drain',
    ]
    this.cases = this.#all().filter(({ needs }) => needs === undefined || !left.includes(needs))
  }

  /** Starts the server. */
  async open(): Promise<void> {
    const control = await this.#control.listen()
    this.#server = await this.#options.start({ control, marks: this.#control.marks })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) await this.#server?.close()
    await this.#control[Symbol.asyncDispose]()
  }

  #visit(scene: SceneName): Visit {
    return this.#control.visit((this.#server as ContractServer).url, scene)
  }

  /** Visits a scene, and expects its answer and then these tasks, in that order, each seeing its response. */
  async #expectRuns(scene: SceneName, tasks: string[], sent: Partial<SentResponse> = {}): Promise<string[]> {
    const visit = this.#visit(scene)
    const { status = 200 } = sent
    const answer = await visit.answer
    assert.deepEqual({ status: answer.status, complete: answer.complete }, { status, complete: true })
    return this.#expectTold(visit, tasks, sent)
  }

  /** The codes of what was reported meanwhile. */
  async #expectTold(visit: Visit, tasks: string[], sent: Partial<SentResponse> = {}): Promise<string[]> {
    const told = await this.#control.told(visit, tasks.length)
    const request = { method: 'GET', path: visit.path, status: 200, delivered: true, aborted: false, ...sent }
    const ran = told.map(({ task, request }) => ({ task, request }))
    assert.deepEqual(
      ran,
      tasks.map((task) => ({ task, request })),
    )
    return told.flatMap(({ reports }) => reports)
  }

  #all(): (ContractCase & { needs?: keyof ContractLimits })[] {
    const control = this.#control
    return [
      {
        title: 'the client has its answer before a task that blocks the thread lets go of it',
        run: async () => {
          for (let round = 0; round < 3; round++) {
            const asked = clock.now()
            const visit = this.#visit('answer-first')
            await visit.answer
            const answered = clock.now() - asked
            const [event] = await control.told(visit, 1)
            const ran = clock.now() - asked
            // Without marks the task spins for half a second or so: a client that had to wait for it has waited nearly as long.
            const first = event?.answeredFirst ?? answered < ran / 2
            assert.ok(first, `the answer came after ${answered} ms, the task had run after ${ran} ms`)
          }
        },
      },
      {
        title: 'tasks run in the order of defer, and see their response',
        run: async () => void (await this.#expectRuns('order', ['first', 'second', 'third'])),
      },
      {
        title: 'a task that another task defers runs behind the others',
        run: async () => void (await this.#expectRuns('nested', ['sibling', 'nested'])),
      },
      {
        title: 'a task that fails is reported, and keeps no other from running',
        run: async () => {
          const reports = await this.#expectRuns('failing', ['after'])
          assert.deepEqual(reports, ['AFTERWORD_TASK_FAILED', 'AFTERWORD_TASK_FAILED'])
        },
      },
      {
        title: 'tasks run after a 404',
        run: async () => void (await this.#expectRuns('not-found', ['task'], { status: 404 })),
      },
      {
        title: 'tasks run after a 500',
        run: async () => void (await this.#expectRuns('server-error', ['task'], { status: 500 })),
      },
      {
        title: 'tasks run after a handler that throws',
        run: async () => void (await this.#expectRuns('throws', ['task'], { status: 500 })),
      },
      {
        title: "tasks run after an error of the framework's own",
        needs: 'httpErrors',
        run: async () => void (await this.#expectRuns('throws-http-error', ['task'], { status: 418 })),
      },
      {
        title: 'tasks run when the client leaves before the answer',
        needs: 'earlyAborts',
        run: async () => {
          const visit = this.#visit('waiting')
          await control.told(visit, 1)
          visit.leave()
          const [, ran] = await control.told(visit, 2)
          const { delivered, aborted } = ran?.request ?? {}
          assert.deepEqual({ delivered, aborted }, { delivered: false, aborted: true })
          control.cue(visit)
        },
      },
      {
        title: 'tasks run when the client leaves amid a stream',
        needs: 'aborts',
        run: async () => {
          const visit = this.#visit('streaming')
          await visit.heard('first')
          visit.leave()
          await this.#expectTold(visit, ['task'], { delivered: false, aborted: true })
          control.cue(visit)
        },
      },
      {
        title: 'tasks wait for the end of a stream',
        run: async () => {
          const visit = this.#visit('streaming')
          await visit.heard('first')
          // Whatever began too early has been told by now: another visit has come and gone.
          await this.#expectRuns('order', ['first', 'second', 'third'])
          assert.deepEqual(await control.told(visit, 0), [])
          control.cue(visit)
          assert.deepEqual(await visit.answer, { status: 200, body: 'firstsecond', complete: true })
          await this.#expectTold(visit, ['task'])
        },
      },
      {
        title: 'a task that is deferred while the body streams waits for its end too',
        run: async () => {
          const visit = this.#visit('deferred-in-stream')
          await visit.heard('first')
          await control.told(visit, 1)
          await this.#expectRuns('order', ['first', 'second', 'third'])
          assert.equal((await control.told(visit, 0)).length, 1)
          control.cue(visit)
          await visit.answer
          const [, ...ran] = await control.told(visit, 3)
          assert.deepEqual(
            ran.map(({ task }) => task),
            ['before', 'within'],
          )
        },
      },
      {
        title: "a task runs in its request's AsyncLocalStorage context, also with requests side by side",
        run: async () => {
          const visits = [this.#visit('context'), this.#visit('context'), this.#visit('context')]
          for (const visit of visits) await control.told(visit, 1)
          for (const visit of visits) control.cue(visit)
          for (const visit of visits) {
            const [, ran] = await control.told(visit, 2)
            assert.deepEqual([ran?.note, ran?.request?.path], [visit.id, visit.path])
          }
        },
      },
      {
        title: 'defer.in() belongs to the request that it addresses, also in code of another request',
        needs: 'addresses',
        run: async () => {
          for (let round = 0; round < 2; round++) {
            const visit = this.#visit('addressed')
            await control.told(visit, 1)
            // A task that did not wait for the response would have run by now.
            await this.#expectRuns('order', ['first', 'second', 'third'])
            assert.equal((await control.told(visit, 1)).length, 1)
            control.cue(visit)
            await visit.answer
            const [, ran] = await control.told(visit, 2)
            assert.deepEqual([ran?.task, ran?.request?.path, ran?.reports], ['addressed', visit.path, []])
          }
        },
      },
      {
        title: '`when` decides by the response',
        run: async () => void (await this.#expectRuns('when', ['always', '404', 'last'], { status: 404 })),
      },
      {
        title: 'writes of a task to its response are discarded and reported',
        needs: 'lateWrites',
        run: async () => {
          const reports = await this.#expectRuns('late-write', ['task'])
          assert.deepEqual(reports, ['AFTERWORD_LATE_WRITE'])
        },
      },
      {
        title: 'the server closes when its tasks have run',
        needs: 'drain',
        run: async () => {
          const visit = this.#visit('slow')
          await visit.answer
          await control.told(visit, 1)
          this.#closed = true
          const closed = this.#server?.close()
          control.cue(visit)
          await closed
          const told = await control.told(visit, 0)
          assert.deepEqual(
            told.map(({ task }) => task),
            [undefined, 'slow', 'after'],
          )
        },
      },
      {
        title: 'every task ran once',
        run: async () => {
          const runs = control.events.filter(({ type }) => type === 'ran').map(({ visit, task }) => `${visit} ${task}`)
          assert.deepEqual(runs, [...new Set(runs)])
          assert.notEqual(runs.length, 0)
        },
      },
    ]
  }
}
