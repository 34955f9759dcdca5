import { clock } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { isolatesRequests } from '../platform.ts'
import { rootContext } from '../schedule/current.ts'
import { setTimer } from '../timers.ts'
import { watchPrimary, watchWorkers } from './cluster-workers.ts'
import { type Ending, type EndSignal, signalNumbers } from './ending.ts'
import { advice, adviceAtExit } from './exit-cause.ts'
import { acceptThreads, inWorkerThread, joinMainThread } from './worker-threads.ts'

/** An instance, which names what is lost as the process ends. */
interface Witness {
  nameUnfinished(advice: string): void
}

/** Windows has no others. */
const signals: readonly EndSignal[] =
  process.platform === 'win32' ? ['SIGTERM', 'SIGINT'] : ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']

/** Apps have other uses for these, such as to read their configuration again: they end the process only if the app does not listen to them. */
const mayMeanOtherwise: readonly EndSignal[] = ['SIGHUP', 'SIGQUIT']

/**
 * The time in ms in which further signals are echoes of the first one. Tools that start an app (tsx, nodemon, concurrently, `node --watch`)
 * pass a Ctrl-C on that the app has had already, and supervisors signal the whole group of processes.
 */
const echo = 1000

/**
 * The end of the process by a signal: all parts end, then the process does. Copies of the package share one.
 *
 *     signal ──► parts end ──┬─ the app does not listen ──────────────────────► exit
 *                            └─ the app listens ──► the app exits, raises the signal again, leaves nothing
 *                                                   that keeps the process open, or the time is up ──► exit
 */
export class ProcessEnd {
  readonly #endings = new Set<Ending>()
  readonly #witnesses = new Set<Witness>()
  /** The moment of the first signal, by `performance.now()`. */
  #since: number | undefined
  #appListens = false
  /** Signals that the process has sent to itself and that have not arrived yet. */
  #raised = 0
  /** The app has raised the signal again: it has ended what is its own. */
  #appEnded = false
  /** The exit code, once all parts have ended. */
  #code: number | undefined
  /** The advice, where it is this package that ends the process. */
  #advice: string | undefined
  readonly #inThread = inWorkerThread()
  /** Resolves, in a worker thread, with false where the main thread does not pass signals on. */
  #joined: Promise<boolean> | undefined
  #isLost = false

  constructor() {
    if (this.#inThread) return
    acceptThreads(this.add, this.remove)
    watchWorkers(this.add)
    watchPrimary(
      () => this.#needed.length > 0,
      () => this.#since === undefined && this.begin('SIGTERM', false),
    )
  }

  /** Takes a part in, and listens to signals from then on. */
  readonly add = (ending: Ending): void => {
    const isFirst = this.#endings.size === 0
    this.#endings.add(ending)
    if (!isFirst && !this.#inThread) return
    // The first use may be in a request: what listens from now on must not keep its context.
    rootContext.runInAsyncScope(() => {
      if (this.#inThread) this.#join(ending)
      else for (const signal of signals) process.prependListener(signal, this.#onSignal)
    })
  }

  readonly remove = (ending: Ending): void => {
    if (!this.#endings.delete(ending) || this.#endings.size > 0 || this.#inThread) return
    for (const signal of signals) process.off(signal, this.#onSignal)
  }

  /** Has a witness name what is left when the process ends. */
  addWitness(witness: Witness): void {
    // Ahead of the listener of a journal whose disk stands still, which ends the process for good.
    if (this.#witnesses.size === 0) process.prependListener('exit', this.#onExit)
    this.#witnesses.add(witness)
  }

  removeWitness(witness: Witness): void {
    if (this.#witnesses.delete(witness) && this.#witnesses.size === 0) process.off('exit', this.#onExit)
  }

  /** Ends the process as at a signal. */
  begin(signal: EndSignal, appListens = listensItself(signal, this.#onSignal)): void {
    if (appListens && mayMeanOtherwise.includes(signal)) return
    if (this.#needed.length === 0) return appListens ? undefined : this.#leave(signal)
    this.#since = clock.now()
    this.#appListens = appListens
    this.#noteRaised()
    if (process.stderr.isTTY) setTimer(() => this.#tell(signal), echo).unref()
    void this.#endParts(signal, appListens).then((kept) => this.#partsEnded(kept ? 0 : 1))
  }

  get #needed(): Ending[] {
    return [...this.#endings].filter(({ isNeeded }) => isNeeded)
  }

  /** Ends all parts that are needed. @returns whether nothing was lost */
  async #endParts(signal: EndSignal, appListens: boolean): Promise<boolean> {
    const kept = await Promise.all(this.#needed.map((ending) => ending.end(signal, appListens)))
    return kept.every(Boolean)
  }

  get #timeout(): number {
    return Math.max(0, ...Array.from(this.#endings, ({ timeout }) => timeout))
  }

  /** Joins the main thread once. A server that no signal reaches is reported. */
  #join(ending: Ending): void {
    this.#joined ??= joinMainThread(async (signal) => ({
      kept: await this.#endParts(signal, false),
      timeout: this.#timeout,
    }))
    void this.#joined.then((isJoined) => {
      if (isJoined || this.#isLost || !ending.serves) return
      this.#isLost = true
      report(new AfterwordError('AFTERWORD_NO_SIGNALS'))
    })
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    const signal = name as EndSignal
    if (this.#since === undefined) return this.begin(signal)
    if (this.#raised > 0) {
      this.#raised--
      this.#appEnded = true
      if (this.#code !== undefined) this.#exit(this.#code)
    } else if (clock.now() - this.#since >= echo) {
      this.#advice = advice.signal
      process.exit(128 + signalNumbers[signal])
    }
  }

  /** Lets the signal do what it does without this package. The first process of a container ignores it. */
  #leave(signal: EndSignal): void {
    if (process.pid === 1) return
    process.off(signal, this.#onSignal)
    process.kill(process.pid, signal)
  }

  /** Notes the signals that the process sends to itself: libraries that end something at a signal raise it again afterwards. */
  #noteRaised(): void {
    const { kill } = process
    process.kill = (pid, signal = 'SIGTERM') => {
      if (pid === process.pid && signals.some((name) => name === signal || signalNumbers[name] === signal))
        this.#raised++
      return kill.call(process, pid, signal)
    }
  }

  #partsEnded(code: number): void {
    this.#code = code
    if (!this.#appListens || this.#appEnded) return this.#exit(code)
    if (code !== 0) process.exitCode = code
    const timeLeft = Number(this.#since) + this.#timeout - clock.now()
    setTimer(() => this.#exit(code), Math.max(0, timeLeft)).unref()
  }

  #exit(code: number): void {
    this.#advice = advice.deadline
    process.exit(code === 0 ? (process.exitCode ?? 0) : code)
  }

  readonly #onExit = (): void => {
    const text = this.#advice ?? adviceAtExit()
    for (const witness of this.#witnesses) witness.nameUnfinished(text)
  }

  /** Says on a terminal what the end waits for. */
  #tell(signal: EndSignal): void {
    const parts = [...this.#endings].flatMap(({ waitsFor }) => waitsFor ?? [])
    const what = this.#code === undefined ? parts.join(', and for ') : `the app, which listens to ${signal}`
    const again = signal === 'SIGINT' ? 'Ctrl-C again' : 'Another signal'
    console.error(`Afterword waits for ${what || 'the app'}. ${again} ends the process at once.`)
  }
}

const key = Symbol.for('afterword.process-end')
const processWide = globalThis as { [key]?: ProcessEnd }

/** Returns the end of this process, or of this worker thread; none where no process of ours ends. */
export function processEnd(): ProcessEnd | undefined {
  if (isolatesRequests) return undefined
  processWide[key] ??= new ProcessEnd()
  return processWide[key]
}

/** The emitter of signal-exit, a library that many others bring along. It leaves the end to others where these listen, and so counts for none. */
interface SignalExit {
  readonly count?: number
}

/** The app listens to a signal itself. */
function listensItself(signal: EndSignal, own: NodeJS.SignalsListener): boolean {
  const newer = (globalThis as { [key: symbol]: SignalExit | undefined })[Symbol.for('signal-exit emitter')]
  const older = (process as { __signal_exit_emitter__?: SignalExit }).__signal_exit_emitter__
  const passive = (newer?.count ?? 0) + (older?.count ?? 0)
  return process.listeners(signal).filter((listener) => listener !== own).length > passive
}
