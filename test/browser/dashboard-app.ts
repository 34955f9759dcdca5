import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { afterword } from '../../src/adapters/express.ts'
import { type DashboardRole, dashboard } from '../../src/dashboard/dashboard.ts'
import { configure, defer, instance, job } from '../../src/index.ts'

/** A name, a path and an error that would be markup, were they not text. */
export const markup = '<img src=x onerror="window.harmed=true">'

/** The name of a job that is long, and would turn what stands behind it: a control character overrides the direction of letters. */
export const hostileName = `report-\u202e-${'of-all-that-was-sold-'.repeat(5)}`

/** An app with a journal, and its dashboard at `/admin/afterword` and `/admin/jobs`; the page `/framed` has it in a frame. */
export class DashboardApp implements AsyncDisposable {
  /** The role of those who ask. */
  role: DashboardRole = 'write'
  /** The mail server refuses all mails. */
  isMailDown = false
  readonly #folder: string
  readonly #app = express()
  #server: Server | undefined
  #port = 0

  private constructor(folder: string) {
    this.#folder = folder
    configure({ journal: join(folder, 'journal'), signals: false })
    const sendWelcome = job('send-welcome', (_user: { name: string; secret: string }) => this.#sendMail(), {
      retries: 0,
    })
    const later = job('remind', (_name: string) => {})
    const hostile = job(
      hostileName,
      () => {
        throw new Error('away')
      },
      { retries: 0 },
    )
    const app = this.#app
    app.use(afterword())
    const authorize = () => ({ role: this.role, actor: 'ada@analytical.example' })
    app.use(['/admin/afterword', '/admin/jobs'], dashboard({ authorize, frameAncestors: "'self'" }))
    app.get('/framed', (_req, res) => void res.send('<iframe src="/admin/afterword?bare#requests"></iframe>'))
    app.post('/signup', (_req, res) => {
      sendWelcome.defer({ name: 'Ada', secret: 'hunter2' })
      defer(function appendLine() {})
      res.status(201).end()
    })
    app.post('/remind', async (_req, res) => {
      await later.with({ delay: 3_600_000 }).dispatch('Ada')
      res.status(202).end()
    })
    app.post('/hostile', (_req, res) => {
      hostile.defer()
      res.end()
    })
    app.get('/harm/*path', (_req, res) => {
      defer.with({ name: markup })(() => {
        throw new Error(markup)
      })
      res.end()
    })
  }

  /** Resolves when the app listens. */
  static async start(): Promise<DashboardApp> {
    const app = new DashboardApp(await mkdtemp(join(tmpdir(), 'afterword-dashboard-')))
    await app.listen()
    return app
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get url(): string {
    return `${this.origin}/admin/afterword/`
  }

  /** Listens, at the port of before. */
  async listen(): Promise<void> {
    this.#server = createServer(this.#app).listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Ends all connections, and takes no further ones. */
  async goAway(): Promise<void> {
    const closed = this.#server && once(this.#server, 'close')
    this.#server?.close()
    this.#server?.closeAllConnections()
    await closed
  }

  async ask(method: 'GET' | 'POST', path: string): Promise<number> {
    const response = await fetch(`${this.origin}${path}`, { method })
    await response.arrayBuffer()
    return response.status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.goAway()
    await instance().close()
    await rm(this.#folder, { recursive: true })
  }

  #sendMail(): void {
    if (this.isMailDown) throw new Error('The mail server is away')
  }
}
