import { Afterword } from './afterword.ts'
import type { Defer } from './defer.ts'
import type { AfterwordOptions } from './options/instance-options.ts'

/** The key of the process-wide instance. Two copies of the package in one process (bundled twice, two versions) find the same instance. */
const key = Symbol.for('afterword')
const processWide = globalThis as { [key]?: Afterword }

/** Returns the process-wide instance. */
export function instance(): Afterword {
  processWide[key] ??= new Afterword()
  return processWide[key]
}

/** Sets the options of the process-wide instance; see `Afterword.configure`. */
export function configure(options: AfterwordOptions): Afterword {
  instance().configure(options)
  return instance()
}

/** A call that tells jobs apart by the caller of a function: that of the app, which is the last argument. */
type Define = (name: string, work: never, options: never, called: unknown) => unknown

// The calls of the process-wide instance, which is looked up at each call: it may belong to another copy of the package.
export const defer: Defer = Object.assign(((fn, ...args) => instance().defer(fn, ...args)) as Defer, {
  with: ((options) => instance().defer.with(options)) as Defer['with'],
  in: ((address) => instance().defer.in(address)) as Defer['in'],
})
export const job = ((name: string, work: never, options: never) =>
  (instance().job as Define)(name, work, options, job)) as Afterword['job']
export const batch = ((name: string, handler: never, options: never) =>
  (instance().batch as Define)(name, handler, options, batch)) as Afterword['batch']
export const onSent: Afterword['onSent'] = (fn) => instance().onSent(fn)
export const finishRequest: Afterword['finishRequest'] = () => instance().finishRequest()
export const waitUntil: Afterword['waitUntil'] = (promise) => instance().waitUntil(promise)
export const currentTask: Afterword['currentTask'] = () => instance().currentTask()

// The instance is made with the module, not at the first call, which may come in a request: a wrong set-up is seen from the first request on.
instance()
