import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import express, { type NextFunction, type Request, type Response } from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { afterword } from '../../src/adapters/express.ts'
import { configure, instance, type Job, job } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

const folder = mkdtempSync(join(tmpdir(), 'afterword-answers-'))
const reports = new Reports()
let url: string
let Send: Job<[]>

beforeAll(async () => {
  configure({ journal: folder })
  // The name of the log is taken: every record is refused.
  mkdirSync(join(folder, '1.log'))
  Send = job('send', () => {})
  const app = express()
  app.use(afterword())
  app.get('/deferred', (_req, res) => {
    Send.defer()
    res.set('cache-control', 'public').cookie('session', '1').send('ok')
  })
  app.get('/awaited', async (_req, res) => void res.send(await Send.dispatch()))
  app.get('/caught', async (_req, res) => {
    await Send.dispatch().catch(() => {})
    res.status(502).send('try again later')
  })
  app.get('/fallback', async (_req, res) => {
    await Send.dispatch().catch(() => {})
    res.status(202).send('a success')
  })
  app.get('/answered-later', (_req, res) => {
    Send.defer()
    res.send('ok')
  })
  app.use(async (error: Error, req: Request, _res: Response, next: NextFunction) => {
    if (req.path === '/answered-later') await setTimeout(1)
    next(error)
  })
  app.use((error: Error & { status: number; code: string }, _req: Request, res: Response, _next: NextFunction) => {
    res.status(error.status).json({ sorry: error.code })
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return () => void server.close()
})

afterAll(async () => {
  await instance().close()
  reports[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

describe('a request whose job was refused', () => {
  test.each(['/deferred', '/awaited', '/fallback', '/answered-later'])(
    '%s: the error handler of the app answers',
    async (path) => {
      const response = await fetch(url + path)
      expect(response.status).toBe(503)
      expect(await response.json()).toEqual({ sorry: 'AFTERWORD_JOURNAL_REFUSED' })
      expect(response.headers.get('content-type')).toContain('application/json')
      expect(response.headers.get('cache-control')).toBe(null)
      expect(response.headers.get('set-cookie')).toBe(null)
    },
  )

  test('an answer of the handler that tells of no success stands', async () => {
    const response = await fetch(`${url}/caught`)
    expect([response.status, await response.text()]).toEqual([502, 'try again later'])
  })

  test('the refusal is reported', () => {
    expect(reports.codes).toContain('AFTERWORD_JOURNAL_REFUSED')
  })
})
