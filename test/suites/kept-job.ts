import { appendFileSync, mkdtempSync } from 'node:fs'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// Loaded before the tests of another project: every request of every server defers one job, which a journal keeps. The classes of servers
// are changed before `afterword/auto` changes them, so that the job is deferred within the scope of the request.
const { AFTERWORD_SUITE_FOLDER: folder = '' } = process.env
const require = createRequire(import.meta.url)
const { Server: HttpServer } = require('node:http') as typeof import('node:http')
const http2 = require('node:http2') as typeof import('node:http2')

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean
let defer = (): void => {}
let jobs = 0

function deferInEach(prototype: Pick<Server, 'emit'>, request: string): void {
  const emit = prototype.emit as Emit
  const emitAndDefer: Emit = function (event, ...args) {
    if (event === request) defer()
    return emit.call(this, event, ...args)
  }
  prototype.emit = emitAndDefer as Server['emit']
}

deferInEach(HttpServer.prototype, 'request')
// An HTTPS server takes requests by the class of its own.
deferInEach((require('node:https') as typeof import('node:https')).Server.prototype, 'request')
// These classes are not exported. A server that only has the compatibility API's listeners emits `stream` as well.
deferInEach(Object.getPrototypeOf(http2.createServer()), 'stream')
deferInEach(Object.getPrototypeOf(http2.createSecureServer()), 'stream')

const { configure, job } = await import('../../dist/index.js')
await import('../../dist/adapters/auto.js')
configure({ journal: mkdtempSync(join(folder, 'journal-')) })
const Kept = job('kept', () => {})
defer = () => {
  jobs++
  Kept.defer()
}
// Node's warnings of what Afterword imports are not for the tests.
await new Promise((resolve) => setImmediate(resolve))
process.on('exit', () => appendFileSync(join(folder, 'jobs'), `${jobs}\n`))
