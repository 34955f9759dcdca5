import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configure, defer, instance, job } from 'afterword'
import { dashboard } from 'afterword/dashboard'
import { afterword } from 'afterword/express'
import express, { type ErrorRequestHandler } from 'express'
import { openAccessLog } from './access-log.ts'
import { Inbox, summaryOf } from './inbox.ts'
import { killDuring } from './kill.ts'
import { openMailer } from './mail.ts'
import { InvalidSignup, readSignup, type Signup } from './signup.ts'
import { type ListedSignup, listedOf, Signups } from './signups.ts'
import { Stream } from './stream.ts'
import { supervised, type ToApp, tell } from './supervision.ts'
import { openThirdParties } from './third-parties.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const data = process.env.DATA ?? here('data')
const world = await supervised()

const stream = new Stream()
const signups = new Signups(world.signups)

/** Tells every open page who has signed up, and the supervisor, who remembers it. */
function announce(signup: Signup, way: ListedSignup['way']): void {
  const listed = listedOf(signup, way)
  signups.add(listed)
  tell({ signup: listed })
  stream.send('signup', listed)
}

const inbox = new Inbox(world.mails)

const { appendAccessLine, ...log } = await openAccessLog(data, (lines) => stream.send('log', lines))
const { sendWelcomeMail } = openMailer(world.smtp)
const { trackSignup, lookUpCompany } = openThirdParties(world.analytics, world.companies)

// The calls of jobs are on disk before the answer leaves. They survive the end of this process; a bare defer lives in memory.
configure({ journal: join(data, 'journal') })
const sendWelcome = job('send-welcome', sendWelcomeMail)
const companyLookUp = job('look-up-company', lookUpCompany)

const app = express()
app.use(afterword())
app.use(express.json({ limit: '10kb' }))

app.post('/signup', (req, res) => {
  const signup = readSignup(req.body) // throws on bad input: the client gets a 400

  // All of this runs after the response, in this order.
  defer(announce, signup, 'after')
  sendWelcome.defer(signup)
  defer(appendAccessLine, signup)
  defer.with({ timeout: 1000, retries: 2, backoff: 500 })(trackSignup, signup)
  defer.with({ timeout: 5000 })(lookUpCompany, signup)

  res.status(201).json({ message: `Welcome, ${signup.name}. A mail is on its way.` })
})

// The same four things without Afterword: the client waits for each, and gets the error of any.
app.post('/signup/old-way', async (req, res) => {
  const signup = readSignup(req.body)
  defer.with({ when: 'success' })(announce, signup, 'before')

  await sendWelcomeMail(signup)
  await appendAccessLine(signup)
  await trackSignup(signup)
  await lookUpCompany(signup)

  res.status(201).json({ message: `Welcome, ${signup.name}. A mail was sent.` })
})

// Two of the four things in memory, two kept in the journal, and kill -9 in the middle of the slow one.
app.post('/signup/and-kill', (req, res) => {
  const signup = readSignup(req.body)

  defer(announce, signup, 'after')
  defer(appendAccessLine, signup)
  companyLookUp.defer(signup)
  defer(trackSignup, signup)
  sendWelcome.defer(signup)

  killDuring('look-up-company', signup)
  res.status(201).json({ message: `Welcome, ${signup.name}. This server is about to die.` })
})

// The dashboard: the page shows its waterfall in a frame, and leads to all of it.
app.use('/afterword', dashboard({ frameAncestors: "'self'" }))

// The page and what it shows.
app.use((_req, res, next) => {
  res.set('content-security-policy', "default-src 'self'; frame-ancestors 'none'; form-action 'self'")
  next()
})
app.use(express.static(here('page')))
app.get('/events', (_req, res) => {
  const { file, lines } = log
  stream.open(res, 'state', { signups: signups.list, mails: inbox.list(), log: { file, lines: lines() } })
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
await listen(world.port).catch((error) => {
  if (error.code !== 'EADDRINUSE') throw error
  return listen(0)
})
tell({ port: (server.address() as AddressInfo).port })

async function listen(port: number): Promise<void> {
  server.listen(port, 'localhost')
  await once(server, 'listening')
}
