import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startAnalytics, startCompanies } from './apis.ts'
import { Inbox } from './inbox.ts'
import { startMailServer } from './mail-server.ts'
import { Signups } from './signups.ts'
import type { FromApp, ToApp } from './supervision.ts'

// The world around the app, which goes on while the app is away: an SMTP server and two APIs of others. All of them are real.
const inbox = new Inbox()
const mailServer = await startMailServer((mail) => {
  inbox.add(mail)
  send({ mail })
})
const analytics = await startAnalytics()
const companies = await startCompanies()

// What the page shows of the past. An app that is killed takes its own memory along.
const signups = new Signups()

const server = fileURLToPath(new URL('server.ts', import.meta.url))
const fromSource = new URL('from-source.ts', import.meta.url).href
let port: number | undefined
let stopping = false
let news = ''
let app = start()

// Ends as the app does: with its exit code, after it.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stopping = true
    app.kill(signal)
  })
}

/** Starts the app, and once more when it dies: as systemd, PM2, Docker or Kubernetes do. */
function start(): ChildProcess {
  const execArgv = ['--disable-warning=ExperimentalWarning', '--import', fromSource]
  const child = fork(server, { execArgv })
  let listens = false
  child.on('message', (message: FromApp) => {
    if ('signup' in message) return signups.add(message.signup)
    listens = true
    console.log(port === message.port ? news : `The sign-up example: http://localhost:${message.port}`)
    port = message.port
  })
  // All that it has told is read before its end counts.
  void Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(([[code, signal]]) => {
    if (listens && !stopping) {
      app = start()
      news = `The server was killed (${signal ?? code}), with pid ${child.pid}. It is started again, with pid ${app.pid}.`
    } else {
      // A signal may come before the app listens to it.
      process.exitCode = code ?? (stopping ? 0 : 1)
      analytics.close()
      companies.close()
      void mailServer.close()
    }
  })
  const { mails } = inbox
  const world = { smtp: mailServer.port, analytics: analytics.url, companies: companies.url }
  const beginning = { port: port ?? Number(process.env.PORT ?? 3000), ...world, mails, signups: signups.list }
  child.send({ beginning } satisfies ToApp)
  return child
}

function send(message: ToApp): void {
  if (app.connected) app.send(message, () => {})
}
