import type { Http2ServerResponse } from 'node:http2'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { defer } from '../../../src/index.ts'
import { go, markOf, note, testify, witness } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

/** All calls that write to a response of either protocol; each throws, or worse, where it comes too late. */
const lateCalls: Record<string, unknown[]> = {
  setHeader: ['x-late', 'yes'],
  setHeaders: [new Headers({ 'x-late': 'yes' })],
  appendHeader: ['x-late', 'yes'],
  removeHeader: ['x-late'],
  writeHead: [500],
  flushHeaders: [],
  writeContinue: [],
  writeProcessing: [],
  writeEarlyHints: [{ link: '</style.css>; rel=preload; as=style' }],
  write: ['late'],
  addTrailers: [{ 'x-late': 'yes' }],
  end: ['late'],
}

/** The results of late calls. */
const results: Record<string, string> = {}

/** Handlers that defer or write when the response is over. */
export const late: Handlers = {
  '/after-finish': (req, res) => {
    res.on('finish', () => witness(req))
    res.end('hello')
  },
  '/after-close': (req, res) => {
    res.on('close', () => setImmediate(() => witness(req)))
    res.end('hello')
  },
  '/from-timer': (req, res) => {
    setTimeout(() => witness(req), 1)
    res.end('hello')
  },
  '/nested': (req, res) => {
    const mark = markOf(req)
    defer(() => {
      testify('outer', mark)
      defer(() => {
        note('inner')
        defer(note, 'innermost')
      })
    })
    defer(note, 'second')
    res.end('hello')
  },
  '/writes-in-task': (req, res) => {
    const mark = markOf(req)
    defer(() => {
      testify('task', mark)
      res.setHeader('x-late', 'yes')
      res.write('late')
      res.end('later')
    })
    res.end('hello')
  },
  '/calls-everything': (req, res) => {
    const mark = markOf(req)
    defer(() => {
      testify('task', mark)
      for (const [name, args] of Object.entries(lateCalls)) {
        const call = (res as unknown as Record<string, (...args: unknown[]) => unknown>)[name]
        call?.apply(res, args)
      }
    })
    res.end('hello')
  },
  '/notes-late-calls': (_req, res) => {
    const { stream, createPushResponse } = res as unknown as Http2ServerResponse
    const callBack = (name: string) => (error?: Error | null) => {
      results[name] = String((error as NodeJS.ErrnoException | undefined)?.code)
    }
    defer(async () => {
      res.end(callBack('end'))
      res.end('late', callBack('end with a chunk'))
      res.write('late', callBack('write'))
      createPushResponse?.call(res, { ':path': '/late' }, callBack('push'))
      results.writeContinue = String(res.writeContinue(() => {}))
      if (stream !== undefined) results['destroyed stream'] = String(stream.destroyed)
      await nextTurn()
    })
    res.end('hello')
  },
  '/results': (_req, res) => res.end(JSON.stringify(results)),
  '/writes-when-sent': (req, res) => {
    witness(req)
    // Neither throws nor emits an `error` that nobody listens to.
    res.on('close', () => setImmediate(() => res.write('late')))
    res.end('hello')
  },
  '/goes-on': async (req, res) => {
    witness(req)
    await go(markOf(req))
    res.end('hello after all')
  },
}
