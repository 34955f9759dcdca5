import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configure, defer, instance, job, onSent } from 'afterword'
import { afterword } from 'afterword/express'
import express, { type ErrorRequestHandler } from 'express'
import { openAccessLog } from './access-log.ts'
import { Inbox, summaryOf } from './inbox.ts'
import { killDuring } from './kill.ts'
import { openMailer } from './mail.ts'
import { InvalidSignup, readSignup } from './signup.ts'
import { Stream } from './stream.ts'
import { supervised, type ToApp, tell } from './supervision.ts'
import { openThirdParties } from './third-parties.ts'
import { Timeline } from './timeline.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const data = process.env.DATA ?? here('data')
const world = await supervised()

// What happens is shown on every open page, and told to the supervisor, who remembers it.
const stream = new Stream()
const timeline = new Timeline(world.entries, (entry) => {
  tell({ entry })
  stream.send('signup', entry)
})
const inbox = new Inbox(world.mails)

const { appendAccessLine, ...log } = await openAccessLog(data, (lines) => stream.send('log', lines))
const { sendWelcomeMail } = openMailer(world.smtp)
const { trackSignup, lookUpCompany } = openThirdParties(world.analytics, world.companies)

// The calls of jobs are on disk before the answer leaves. They survive the end of this process; a bare defer lives in memory.
configure({ journal: join(data, 'journal') })
const sendWelcome = job('send-welcome', sendWelcomeMail)
const companyLookUp = job('look-up-company', lookUpCompany)
timeline.kept.add(sendWelcome.name).add(companyLookUp.name)

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

// Two of the four things in memory, two kept in the journal, and kill -9 in the middle of the slow one.
app.post('/signup/and-kill', (req, res) => {
  const signup = readSignup(req.body)
  timeline.begin(signup, req)

  onSent(() => timeline.sent(signup, res.statusCode))
  defer(appendAccessLine, signup)
  companyLookUp.defer(signup)
  defer(trackSignup, signup)
  sendWelcome.defer(signup)

  killDuring('look-up-company', signup)
  res.status(201).json({ message: `Welcome, ${signup.name}. This server is about to die.` })
})

// The page and what it shows.
app.use((_req, res, next) => {
  res.set('content-security-policy', "default-src 'self'; frame-ancestors 'none'; form-action 'self'")
  next()
})
app.use(express.static(here('page')))
app.get('/events', (_req, res) => {
  const { file, lines } = log
  stream.open(res, 'state', { signups: timeline.entries(), mails: inbox.list(), log: { file, lines: lines() } })
})
app.get('/inbox', (_req, res) => void res.json(inbox.list()))
app.get('/inbox/:id', (req, res) => {
  const found = inbox.read(req.params.id)
  if (found === undefined) res.status(404).json({ message: 'There is no such mail.' })
  else res.json(found)
})
app.get('/source', async (req, res) => {
  const source = await readFile(here('server.ts'), 'utf8')
  const from = source.indexOf(`app.post('/${req.query.of ?? 'signup'}'`)
  if (from < 0) return void res.status(404).json({ message: 'There is no such route.' })
  res.type('text/plain').send(source.slice(from, source.indexOf('\n})\n', from) + 4))
})

const onError: ErrorRequestHandler = (error, _req, res, _next) => {
  const status = error.status ?? 500
  if (status >= 500) console.error(error)
  const errors = error instanceof InvalidSignup ? error.errors : {}
  res.status(status).json({ message: status < 500 ? error.message : `Your sign-up failed: ${error.message}.`, errors })
}
app.use(onError)

process.on('message', (message: ToApp) => {
  if (!('mail' in message)) return
  inbox.add(message.mail)
  stream.send('mail', summaryOf(message.mail))
})

// On SIGTERM or SIGINT Afterword stops what takes requests in, and runs the tasks that are left.
instance().addIntake(stream)

const server = createServer(app)
timeline.watch(server)
await listen(world.port).catch((error) => {
  if (error.code !== 'EADDRINUSE') throw error
  return listen(0)
})
tell({ port: (server.address() as AddressInfo).port })
timeline.resume()

async function listen(port: number): Promise<void> {
  server.listen(port, 'localhost')
  await once(server, 'listening')
}
