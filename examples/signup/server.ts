import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { defer, instance, job, onSent } from 'afterword'
import { afterword } from 'afterword/express'
import express, { type ErrorRequestHandler } from 'express'
import { openAccessLog } from './access-log.ts'
import { startMail } from './mail.ts'
import { InvalidSignup, readSignup } from './signup.ts'
import { Stream } from './stream.ts'
import { startAnalytics, startCompanies } from './third-parties.ts'
import { Timeline } from './timeline.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// What happens is shown on every open page.
const stream = new Stream()
const timeline = new Timeline((entry) => stream.send('signup', entry))

// The world around the app: an SMTP server, a log file and two APIs of others. All of them are real.
const mail = await startMail((summary) => stream.send('mail', summary))
const log = await openAccessLog(process.env.DATA ?? here('data'), (lines) => stream.send('log', lines))
const analytics = await startAnalytics()
const companies = await startCompanies()

const { sendWelcomeMail } = mail
const { appendAccessLine } = log
const { trackSignup } = analytics
const { lookUpCompany } = companies

const sendWelcome = job('send-welcome', sendWelcomeMail)

const app = express()
app.use(afterword())
app.use(express.json({ limit: '10kb' }))

app.post('/signup', (req, res) => {
  const signup = readSignup(req.body) // throws on bad input: the client gets a 400
  timeline.begin(signup, req)

  // All of this runs after the response, in this order.
  onSent(() => timeline.sent(signup, res.statusCode))
  sendWelcome.defer(signup)
  defer(appendAccessLine, signup)
  defer.with({ timeout: 1000, retries: 2, backoff: 500 })(trackSignup, signup)
  defer.with({ timeout: 5000 })(lookUpCompany, signup)

  res.status(201).json({ message: `Welcome, ${signup.name}. A mail is on its way.` })
})

// The same four things without Afterword: the client waits for each, and gets the error of any.
app.post('/signup/old-way', async (req, res) => {
  const signup = readSignup(req.body)
  timeline.begin(signup, req, 'before')
  onSent(() => timeline.sent(signup, res.statusCode))

  await timeline.run('send-welcome', sendWelcomeMail, signup)
  await timeline.run('appendAccessLine', appendAccessLine, signup)
  await timeline.run('trackSignup', trackSignup, signup)
  await timeline.run('lookUpCompany', lookUpCompany, signup)

  res.status(201).json({ message: `Welcome, ${signup.name}. A mail was sent.` })
})

// The page and what it shows.
app.use((_req, res, next) => {
  res.set('content-security-policy', "default-src 'self'; frame-ancestors 'none'; form-action 'self'")
  next()
})
app.use(express.static(here('page')))
app.get('/events', (_req, res) => {
  const { file, lines } = log
  stream.open(res, 'state', { signups: timeline.entries(), mails: mail.list(), log: { file, lines: lines() } })
})
app.get('/inbox', (_req, res) => void res.json(mail.list()))
app.get('/inbox/:id', (req, res) => {
  const found = mail.read(req.params.id)
  if (found === undefined) res.status(404).json({ message: 'There is no such mail.' })
  else res.json(found)
})
app.get('/source', async (_req, res) => {
  const source = await readFile(here('server.ts'), 'utf8')
  const from = source.indexOf("app.post('/signup'")
  res.type('text/plain').send(source.slice(from, source.indexOf('\n})\n', from) + 4))
})

const onError: ErrorRequestHandler = (error, _req, res, _next) => {
  const status = error.status ?? 500
  if (status >= 500) console.error(error)
  const errors = error instanceof InvalidSignup ? error.errors : {}
  res.status(status).json({ message: status < 500 ? error.message : `Your sign-up failed: ${error.message}.`, errors })
}
app.use(onError)

// On SIGTERM or SIGINT Afterword stops what takes requests in, runs the tasks that are left, then these functions.
instance().addIntake(stream)
instance().onShutdown(mail.close)
instance().onShutdown(analytics.close)
instance().onShutdown(companies.close)

const server = createServer(app)
timeline.watch(server)
await listen(Number(process.env.PORT ?? 3000)).catch((error) => {
  if (error.code !== 'EADDRINUSE') throw error
  return listen(0)
})
console.log(`The sign-up example: http://localhost:${(server.address() as AddressInfo).port}`)

async function listen(port: number): Promise<void> {
  server.listen(port, 'localhost')
  await once(server, 'listening')
}
