import { Worker } from 'node:worker_threads'
import { setTimeout } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import { type FolderServerOptions, type FromServer, restartCode, type ToServer } from '../protocol.ts'
import { threadCode } from '../server/thread-code.ts'
import { addThread, removeThread } from './stuck-threads.ts'

/** The delay in ms after which a journal's thread that has died is started again: at first, and at most. */
const firstRestart = 100
const longestRestart = 10_000

/** A channel carries messages between the journal's client and its server. */
export interface Channel {
  /** False while the server is away. */
  readonly up: boolean
  /** While a channel is busy, the process stays. */
  busy: boolean
  /** Connects the client. Called once, before any other method. */
  open(listener: ChannelListener): void
  /** Resolves when the server is there. The process stays until then. */
  ready(): Promise<void>
  post(message: ToServer): void
  close(): Promise<void>
}

/** The client's end of a channel. */
export interface ChannelListener {
  message(message: FromServer): void
  /** The server has died: a group that was under way may be stored or not. */
  lost(): void
  /** There is a new server, which knows nothing. */
  back(): void
}

/** The channel to a server in a thread of its own. Should the thread die, the channel starts another one. */
export class ThreadChannel implements Channel {
  readonly #options: FolderServerOptions
  #listener: ChannelListener | undefined
  #thread: Worker | undefined
  #busy = false
  #closed = false
  #restartDelay = firstRestart
  #restarting: { readonly timer: NodeJS.Timeout; readonly done: PromiseWithResolvers<void> } | undefined

  constructor(options: FolderServerOptions) {
    this.#options = options
  }

  open(listener: ChannelListener): void {
    this.#listener = listener
    this.#start()
  }

  get up(): boolean {
    return this.#thread !== undefined
  }

  async ready(): Promise<void> {
    this.#restarting?.timer.ref()
    await this.#restarting?.done.promise
  }

  post(message: ToServer): void {
    if (message.type === 'ending' && this.up) addThread(this)
    this.#thread?.postMessage(message)
  }

  ask(answer: Int32Array): void {
    this.#thread?.postMessage({ type: 'ask', answer } satisfies ToServer)
  }

  get busy(): boolean {
    return this.#busy
  }

  set busy(busy: boolean) {
    if (this.#busy === busy) return
    this.#busy = busy
    if (busy) this.#thread?.ref()
    else this.#thread?.unref()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#thread?.terminate()
  }

  #start(): void {
    const thread = new Worker(threadCode, {
      eval: typeof threadCode === 'string',
      workerData: this.#options,
      // Deno takes none.
      execArgv: 'deno' in process.versions ? [] : ['--disable-warning=ExperimentalWarning'],
    })
    let cause: unknown
    thread.on('message', (message: FromServer) => {
      this.#restartDelay = firstRestart
      this.#listener?.message(message)
    })
    thread.on('error', (error) => {
      cause = error
    })
    thread.on('exit', (code) => {
      this.#thread = undefined
      removeThread(this)
      if (this.#closed) return
      if (code !== restartCode) report(new AfterwordError('AFTERWORD_JOURNAL_FAILED', [], { cause }))
      this.#listener?.lost()
      const timer = setTimeout(() => this.#closed || this.#restart(), this.#restartDelay).unref()
      this.#restarting = { timer, done: Promise.withResolvers() }
      this.#restartDelay = Math.min(2 * this.#restartDelay, longestRestart)
    })
    if (!this.#busy) thread.unref()
    this.#thread = thread
  }

  #restart(): void {
    this.#start()
    this.#listener?.back()
    this.#restarting?.done.resolve()
    this.#restarting = undefined
  }
}
