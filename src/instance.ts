import { Afterword } from './afterword.ts'
import type { Defer } from './defer-signature.ts'
import { requireNode } from './node-version.ts'
import type { AfterwordOptions } from './options/instance-options.ts'

/** The key of the process-wide instance. Two copies of the package in one process (bundled twice, two versions) find the same instance. */
const key = Symbol.for('afterword')
const processWide = globalThis as { [key]?: Afterword }

/**
 * Returns the process-wide instance.
 *
 * @example
 * instance().onShutdown(() => pool.end())
 * console.log(instance().status().backlog)
 */
export function instance(): Afterword {
  processWide[key] ??= new Afterword()
  return processWide[key]
}

/**
 * Sets the options of the process-wide instance; see `Afterword.configure`.
 *
 * @example
 * configure({ journal: 'data/afterword', shutdownTimeout: 20_000 })
 */
export function configure(options: AfterwordOptions): Afterword {
  instance().configure(options)
  return instance()
}

/** A call that tells jobs apart by the caller of a function: that of the app, which is the last argument. */
type Define = (name: string, work: never, options: never, called: unknown) => unknown

// The calls of the process-wide instance, which is looked up at each call: it may belong to another copy of the package.

/**
 * Calls a function with its arguments after the response; outside a request, on the next turn. Tasks of one request run in the order of `defer`.
 *
 * @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_OVERLOADED`, `AFTERWORD_CLOSED`
 *
 * @example
 * app.post('/orders', async (req, res) => {
 *   const order = await orders.create(req.body)
 *   defer(sendReceipt, order) // not sendReceipt(order): that would run now
 *   defer.with({ timeout: 5_000, retries: 3 })(track, 'order', order.id)
 *   res.status(201).json(order)
 * })
 */
export const defer: Defer = Object.assign(((fn, ...args) => instance().defer(fn, ...args)) as Defer, {
  with: ((options) => instance().defer.with(options)) as Defer['with'],
  in: ((address) => instance().defer.in(address)) as Defer['in'],
})

/**
 * Names work: typed, retried, reported by name, and with a journal kept until it is done. Define jobs where a module begins, not in a handler: what is
 * stored runs in the next process only if that knows the job.
 *
 * @throws AfterwordError `AFTERWORD_INVALID_JOB_NAME`, `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * const SendWelcome = job('send-welcome', (to: string) => mailer.sendMail({ to, subject: 'Welcome!' }))
 *
 * SendWelcome.defer('ada@example.com') // after this response
 * await SendWelcome.dispatch('ada@example.com') // whatever becomes of this response
 */
export const job = ((name: string, work: never, options: never) =>
  (instance().job as Define)(name, work, options, job)) as Afterword['job']

/**
 * Names work on many items at once: the items of many responses wait for each other, `size` of them or `within` ms, and the handler gets them in one
 * array.
 *
 * @throws AfterwordError `AFTERWORD_INVALID_JOB_NAME`, `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * const Track = batch('track', (events: Event[]) => db.insert(events), { size: 500, within: 2_000 })
 *
 * Track.defer(event) // one insert for the events of many responses
 */
export const batch = ((name: string, handler: never, options: never) =>
  (instance().batch as Define)(name, handler, options, batch)) as Afterword['batch']

/**
 * Runs a function the moment the response was sent, ahead of every backlog and outside all limits: to release locks, sessions, connections.
 *
 * @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION`
 *
 * @example
 * const lock = await acquireLock(account)
 * onSent(() => lock.release())
 */
export const onSent: Afterword['onSent'] = (fn) => instance().onSent(fn)

/**
 * Ends the response if it is open, runs the tasks of this request and resolves with their outcomes; the caller goes on in the background, as after
 * `fastcgi_finish_request` of PHP. Outside a request: `[]`.
 *
 * @example
 * res.status(202).end('accepted')
 * const outcomes = await finishRequest() // the client has its answer, and the tasks have run
 * console.log(outcomes.map(({ status }) => status))
 */
export const finishRequest: Afterword['finishRequest'] = () => instance().finishRequest()

/**
 * Takes work that has begun into the limits, the drain and the reports. Work that is to begin after the response is for `defer`.
 *
 * @throws AfterwordError `AFTERWORD_NOT_A_PROMISE`
 *
 * @example
 * waitUntil(cache.refresh()) // has begun; a shutdown waits for it, and its error is reported
 */
export const waitUntil: Afterword['waitUntil'] = (promise) => instance().waitUntil(promise)

/**
 * Tells the task whose code runs now: its id, attempt, signal and request. `undefined` where the code was not called by a task.
 *
 * @example
 * async function upload(file: string) {
 *   await fetch(url, { method: 'PUT', body: await readFile(file), signal: currentTask()?.signal })
 * }
 */
export const currentTask: Afterword['currentTask'] = () => instance().currentTask()

requireNode()
// The instance is made with the module, not at the first call, which may come in a request: a wrong set-up is seen from the first request on.
instance()
